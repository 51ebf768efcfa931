# Fidelity: stored states and actions, stepped again in the environment that evaluates.


rule replay:
    input:
        manifest=f"{paths.DATASET}/manifest.json",
    output:
        report=f"{paths.FIDELITY}/{{task}}.json",
        steps=f"{paths.FIDELITY}/{{task}}.steps.parquet",
    log:
        f"{paths.LOGS}/fidelity/{{task}}.log",
    resources:
        gpu=0,
        mem_mb=2000,
        runtime=60,
    params:
        folder=subpath(input.manifest, parent=True),
        environment=lambda wildcards: PLAN.rows[wildcards.task]["environment_id"],
        adapter=lambda wildcards: PLAN.rows[wildcards.task].get("adapter") or "none",
    shell:
        "python -m algos.fidelity --dataset-file {params.folder:q} --environment {params.environment:q} "
        "--adapter {params.adapter:q} --task {wildcards.task:q} --output {output.report:q} &> {log:q}"


# The experiment's tasks, and every file that is at hand.
rule fidelity:
    input:
        reports=expand(f"{paths.FIDELITY}/{{task}}.json", task=PLAN.tasks_at_hand()),
    output:
        summary=report(
            f"{paths.FIDELITY}/summary.md",
            caption="../report/fidelity.rst",
            category="Environments",
        ),
    log:
        f"{paths.LOGS}/fidelity/summary.log",
    shell:
        "python -m algos.fidelity --summarise {input.reports:q} --output {output.summary:q} &> {log:q}"
