# Datasets: one rule for each kind of source, all ending in the same files. The row of tasks.csv is the parameter, so
# that a changed row is a changed dataset.

# update(): Snakemake neither removes a finished dataset before a job nor after one that fails.
DATASET_OUTPUTS = {
    "manifest": update(f"{paths.DATASET}/manifest.json"),
    "arrays": update(f"{paths.DATASET}/transitions.safetensors"),
    "minari": update(directory(f"{paths.DATASET}/minari")),
}
PREPARE = (
    "python -m algos.datasets prepare --task-json {params.row:q} "
    "--output {params.folder:q} {params.places:q} &> {log:q} && "
    "python -m recheck.records {params.unit:q} &>> {log:q}"
)

# OpenBLAS chooses its kernel by the processor, and kernels differ in the last bit, which an episode of a thousand steps
# makes large. One kernel, which every x86-64 processor with AVX2 has: one dataset. A kernel chosen outside is kept.
ONE_BLAS_KERNEL = 'export OPENBLAS_CORETYPE="${{OPENBLAS_CORETYPE:-Haswell}}"; '


rule recollected_dataset:
    """A step: a dataset that small policies of the repository, or a planner, collect here."""
    input:
        behaviors=read(
            lambda wildcards: PLAN.behavior_files(wildcards.task),
            f"{paths.DATASET}/manifest.json",
        ),
    output:
        **DATASET_OUTPUTS,
    log:
        f"{paths.LOGS}/datasets/{{task}}.log",
    wildcard_constraints:
        task=PLAN.task_pattern("recollected"),
    resources:
        **SITE.resources(False),
        gpu=0,
        mem_mb=2000,
        runtime=SITE.minutes(60),
    params:
        row=lambda wildcards: PLAN.task_row(wildcards.task),
        recollection=lambda wildcards: json.dumps(PLAN.recollection(wildcards.task)),
        folder=subpath(output.manifest, parent=True),
        places=PLAN.places(),
        unit=lambda wildcards: PLAN.unit("dataset", wildcards),
    shell:
        ONE_BLAS_KERNEL + PREPARE


rule file_dataset:
    """A step: a dataset from a file in D4RL's format, downloaded or brought."""
    input:
        file=read(
            lambda wildcards: PLAN.unhashed_file(wildcards.task),
            f"{paths.DATASET}/manifest.json",
        ),
    output:
        **DATASET_OUTPUTS,
    log:
        f"{paths.LOGS}/datasets/{{task}}.log",
    wildcard_constraints:
        task=PLAN.task_pattern("hdf5"),
    params:
        row=lambda wildcards: PLAN.task_row(wildcards.task),
        folder=subpath(output.manifest, parent=True),
        places=PLAN.places(),
        unit=lambda wildcards: PLAN.unit("dataset", wildcards),
    shell:
        PREPARE


rule minari_dataset:
    """A step: a dataset from Minari's server or a folder of Minari's, by its id."""
    input:
        read([], f"{paths.DATASET}/manifest.json"),
    output:
        **DATASET_OUTPUTS,
    log:
        f"{paths.LOGS}/datasets/{{task}}.log",
    wildcard_constraints:
        task=PLAN.task_pattern("minari"),
    params:
        row=lambda wildcards: PLAN.task_row(wildcards.task),
        folder=subpath(output.manifest, parent=True),
        places=PLAN.places(),
        unit=lambda wildcards: PLAN.unit("dataset", wildcards),
    shell:
        PREPARE


rule datasets:
    """Prints every task with its source, its state here, comparability and statistics."""
    log:
        f"{paths.LOGS}/datasets/list.log",
    params:
        folder=PLAN.settings.get("data_folder", "."),
    shell:
        "python -m algos.datasets list --data-folder {params.folder:q} 2> {log:q}"


localrules:
    file_dataset,
    minari_dataset,
    datasets,
