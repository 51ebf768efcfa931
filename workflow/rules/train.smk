# Training: one job for one block of seeds. update(): Snakemake neither removes a finished run before a job nor after
# one that fails; the trainer replaces it when the new one is finished.


rule train:
    """A step: one block of seeds is trained, and resumes from its state after an interruption."""
    input:
        read(
            [f"{paths.DATASET}/{name}" for name in paths.DATASET_FILES],
            f"{paths.RUN}/config.json",
        ),
    output:
        config=update(f"{paths.RUN}/config.json"),
        provenance=update(f"{paths.RUN}/provenance.json"),
        losses=update(f"{paths.RUN}/train.parquet"),
        timing=update(f"{paths.RUN}/timing.parquet"),
        policies=update(f"{paths.RUN}/policies.safetensors"),
    log:
        f"{paths.LOGS}/train/{paths.BLOCK}.log",
    threads: MACHINE["threads"]
    resources:
        **SITE.resources(MACHINE["gpu"] > 0),
        gpu=MACHINE["gpu"],
        mem_mb=RuleFunction(
            lambda wildcards, attempt: REQUESTS.training_memory_mb(wildcards)
            * MEMORY_FACTOR(attempt)
        ),
        runtime=RuleFunction(REQUESTS.training_minutes),
    params:
        config=RuleFunction(PLAN.run_config),
        dataset=paths.DATASET,
        folder=paths.RUN,
        state=paths.STATE,
        unit=RuleFunction(lambda wildcards: PLAN.unit("train", wildcards)),
    shell:
        "device=cpu; [ {resources.gpu} -eq 0 ] || device=cuda; "
        "python -m algos.train --config {params.config:q} --dataset {params.dataset:q} "
        "--output {params.folder:q} --state {params.state:q} "
        "--device $device --threads {threads} $COMPILE &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"
