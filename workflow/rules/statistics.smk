# Statistics: aggregates with intervals, on files alone; no torch.


rule statistics:
    """Means and other aggregates with their intervals: `results/statistics/EXPERIMENT/`."""
    input:
        scores=read(f"{SCORES}/scores.parquet", paths.stage("statistics", PLAN.name)),
        episodes=read(
            f"{SCORES}/episodes.parquet", paths.stage("statistics", PLAN.name)
        ),
    output:
        folder=directory(paths.stage("statistics", PLAN.name)),
    log:
        f"{paths.LOGS}/statistics/{PLAN.name}.log",
    params:
        scores=SCORES,
        unit=lambda wildcards: PLAN.unit("statistics", wildcards),
    shell:
        "python -m paper_tables.statistics --scores {params.scores:q} --output {output.folder:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    statistics,
