# Training: one job for one block of seeds. update(): Snakemake neither removes a finished run before a job nor after
# one that fails; the trainer replaces it when the new one is finished.


rule train:
    input:
        manifest=read(f"{paths.DATASET}/manifest.json", f"{paths.RUN}/config.json"),
        arrays=read(
            f"{paths.DATASET}/transitions.safetensors", f"{paths.RUN}/config.json"
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
        mem_mb=lambda wildcards, attempt: REQUESTS.training_memory_mb(wildcards)
        * MEMORY_FACTOR(attempt),
        runtime=REQUESTS.training_minutes,
    params:
        config=PLAN.run_config,
        dataset=paths.DATASET,
        folder=subpath(output.config, parent=True),
        state=paths.STATE,
        unit=lambda wildcards: PLAN.unit("train", wildcards),
    shell:
        "device=cpu; [ {resources.gpu} -eq 0 ] || device=cuda; "
        "python -m algos.train --config {params.config:q} --dataset {params.dataset:q} "
        "--output {params.folder:q} --state {params.state:q} "
        "--device $device --threads {threads} $COMPILE &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"
