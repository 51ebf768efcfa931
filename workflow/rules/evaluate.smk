# Evaluation: one job for all checkpoints of a block under one sampling setting.


rule evaluate:
    input:
        manifest=f"{paths.DATASET}/manifest.json",
        config=f"{paths.RUN}/config.json",
        policies=f"{paths.RUN}/policies.safetensors",
    output:
        episodes=paths.EPISODES,
        timing=paths.EPISODES_TIMING,
    log:
        f"{paths.LOGS}/evaluate/{paths.EPISODES_BLOCK}.log",
    threads: EVALUATION_WORKERS
    resources:
        gpu=0,
        mem_mb=3000,
        runtime=720,
    params:
        run=subpath(input.config, parent=True),
        dataset=subpath(input.manifest, parent=True),
        sampling=PLAN.sampling,
        evaluation=PLAN.evaluation,
    shell:
        "python -m algos.evaluate --run {params.run:q} --dataset {params.dataset:q} "
        "--sampling {params.sampling:q} --evaluation {params.evaluation:q} "
        "--label {wildcards.sampling:q} --output {output.episodes:q} --workers {threads} &> {log:q}"
