# Fidelity: stored states and actions, stepped again in the environment that evaluates.


rule replay:
    """A step: the stored states and actions of one dataset, stepped again in the environment that evaluates."""
    input:
        manifest=read(
            f"{paths.DATASET}/manifest.json", f"{paths.FIDELITY}/{{task}}.json"
        ),
    output:
        report=f"{paths.FIDELITY}/{{task}}.json",
        steps=f"{paths.FIDELITY}/{{task}}.steps.parquet",
    log:
        f"{paths.LOGS}/fidelity/{{task}}.log",
    resources:
        **SITE.resources(False),
        gpu=0,
        mem_mb=2000,
        runtime=SITE.minutes(60),
    params:
        folder=paths.DATASET,
        environment=lambda wildcards: PLAN.rows[wildcards.task]["environment_id"],
        adapter=lambda wildcards: PLAN.rows[wildcards.task].get("adapter") or "none",
        unit=lambda wildcards: PLAN.unit("replay", wildcards),
    shell:
        "python -m algos.fidelity --dataset-file {params.folder:q} --environment {params.environment:q} "
        "--adapter {params.adapter:q} --task {wildcards.task:q} --output {output.report:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


rule fidelity:
    """Whether the environment is the one that the data came from, for the experiment's tasks and every dataset that is
    here: `results/fidelity/summary.md`.
    """
    input:
        reports=read(
            expand(f"{paths.FIDELITY}/{{task}}.json", task=PLAN.tasks_at_hand()),
            f"{paths.FIDELITY}/summary.md",
        ),
    output:
        summary=f"{paths.FIDELITY}/summary.md",
    log:
        f"{paths.LOGS}/fidelity/summary.log",
    params:
        unit=lambda wildcards: PLAN.unit("fidelity", wildcards),
    shell:
        "python -m algos.fidelity --summarise {input.reports:q} --output {output.summary:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    fidelity,
