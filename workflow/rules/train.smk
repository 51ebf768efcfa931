# Training: one job for one block of seeds. The arrays are ancient(): Snakemake knows files over 1 MB by their date
# alone, so a copied results/ would otherwise be trained again; the manifest holds the arrays' hash.


rule train:
    input:
        manifest=f"{paths.DATASET}/manifest.json",
        arrays=ancient(f"{paths.DATASET}/transitions.safetensors"),
    output:
        config=f"{paths.RUN}/config.json",
        provenance=f"{paths.RUN}/provenance.json",
        losses=f"{paths.RUN}/train.parquet",
        timing=f"{paths.RUN}/timing.parquet",
        policies=f"{paths.RUN}/policies.safetensors",
    log:
        f"{paths.LOGS}/train/{paths.BLOCK}.log",
    threads: MACHINE["threads"]
    resources:
        gpu=MACHINE["gpu"],
        mem_mb=MACHINE["mem_mb"],
        runtime=MACHINE["runtime"],
    params:
        config=PLAN.run_config,
        dataset=subpath(input.manifest, parent=True),
        folder=subpath(output.config, parent=True),
        state=paths.STATE,
    shell:
        "device=cpu; [ {resources.gpu} -eq 0 ] || device=cuda; "
        "python -m algos.train --config {params.config:q} --dataset {params.dataset:q} "
        "--output {params.folder:q} --state {params.state:q} "
        "--device $device --threads {threads} $COMPILE &> {log:q}"
