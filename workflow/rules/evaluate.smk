# Evaluation: one job for all checkpoints of a block under one sampling setting. Finished blocks of episodes survive
# an interruption in the folder `state`.


rule evaluate:
    input:
        manifest=read(f"{paths.DATASET}/manifest.json", paths.EPISODES),
        config=read(f"{paths.RUN}/config.json", paths.EPISODES),
        policies=read(f"{paths.RUN}/policies.safetensors", paths.EPISODES),
        # Not read here: a run whose writing was cut off is no run.
        whole=read(PLAN.whole_run, paths.EPISODES),
    output:
        episodes=update(paths.EPISODES),
        timing=update(paths.EPISODES_TIMING),
    log:
        f"{paths.LOGS}/evaluate/{paths.EPISODES_BLOCK}.log",
    threads: REQUESTS.machine.workers
    resources:
        **SITE.resources(REQUESTS.machine.gpu),
        gpu=1 if REQUESTS.machine.gpu else 0,
        mem_mb=lambda wildcards, attempt: REQUESTS.evaluation_memory_mb(wildcards)
        * MEMORY_FACTOR(attempt),
        runtime=REQUESTS.evaluation_minutes,
    params:
        run=paths.RUN,
        dataset=paths.DATASET,
        sampling=PLAN.sampling,
        evaluation=PLAN.evaluation,
        state=paths.EPISODES_STATE,
        environments=REQUESTS.environments,
        unit=lambda wildcards: PLAN.unit("evaluate", wildcards),
    shell:
        "python -m algos.evaluate --run {params.run:q} --dataset {params.dataset:q} "
        "--sampling {params.sampling:q} --evaluation {params.evaluation:q} "
        "--label {wildcards.sampling:q} --output {output.episodes:q} --state {params.state:q} "
        "--workers {threads} --environments {params.environments:q} --memory-mb {resources.mem_mb} "
        "--device $EVALUATION_DEVICE &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"
