# Power: how many seeds and episodes a verdict needs on each task, and what averaging checkpoints buys. Asked for by name.


rule power:
    """Prints how many seeds and episodes a verdict needs on each task, and what averaging checkpoints buys."""
    input:
        scores=read(
            f"{SCORES}/scores.parquet", f"{paths.stage('power', PLAN.name)}/power.md"
        ),
        episodes=read(
            f"{SCORES}/episodes.parquet", f"{paths.stage('power', PLAN.name)}/power.md"
        ),
    output:
        table=f"{paths.stage('power', PLAN.name)}/power.md",
        values=f"{paths.stage('power', PLAN.name)}/power.csv",
        latex=f"{paths.stage('power', PLAN.name)}/power.tex",
    log:
        f"{paths.LOGS}/power/{PLAN.name}.log",
    params:
        scores=SCORES,
        folder=subpath(output.table, parent=True),
        options=PLAN.power_options(),
        unit=lambda wildcards: PLAN.unit("power", wildcards),
    shell:
        "python -m paper_tables.verdicts.planning --scores {params.scores:q} --output {params.folder:q} "
        "{params.options:q} &> {log:q} && python -m recheck.records {params.unit:q} &>> {log:q} && "
        "cat {output.table:q}"


localrules:
    power,
