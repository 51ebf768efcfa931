# Evaluation: one job for all checkpoints of a block under one sampling setting. Finished blocks of episodes survive
# an interruption in the folder `state`.


rule evaluate:
    """A step: the episodes of all checkpoints of a block under one sampling setting."""
    input:
        # Not all of the run's files are read here: a run whose writing was cut off is not a run.
        read(
            [f"{paths.DATASET}/manifest.json"]
            + [f"{paths.RUN}/{name}" for name in paths.RUN_FILES],
            paths.EPISODES,
        ),
    output:
        episodes=update(paths.EPISODES),
        timing=update(paths.EPISODES_TIMING),
    log:
        f"{paths.LOGS}/evaluate/{paths.EPISODES_BLOCK}.log",
    threads: REQUESTS.machine.workers
    resources:
        **SITE.resources(REQUESTS.machine.gpu),
        gpu=1 if REQUESTS.machine.gpu else 0,
        mem_mb=RuleFunction(
            lambda wildcards, attempt: REQUESTS.evaluation_memory_mb(wildcards)
            * MEMORY_FACTOR(attempt)
        ),
        runtime=RuleFunction(REQUESTS.evaluation_minutes),
    params:
        run=paths.RUN,
        dataset=paths.DATASET,
        sampling=RuleFunction(PLAN.sampling),
        evaluation=RuleFunction(PLAN.evaluation),
        state=paths.EPISODES_STATE,
        environments=RuleFunction(REQUESTS.environments),
        unit=RuleFunction(lambda wildcards: PLAN.unit("evaluate", wildcards)),
    shell:
        "python -m algos.evaluate --run {params.run:q} --dataset {params.dataset:q} "
        "--sampling {params.sampling:q} --evaluation {params.evaluation:q} "
        "--label {wildcards.sampling:q} --output {output.episodes:q} --state {params.state:q} "
        "--workers {threads} --environments {params.environments:q} --memory-mb {resources.mem_mb} "
        "--device $EVALUATION_DEVICE &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"
