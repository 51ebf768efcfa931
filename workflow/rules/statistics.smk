# Statistics: aggregates with intervals, on files alone; no torch.


rule statistics:
    input:
        scores=f"{SCORES}/scores.parquet",
        episodes=f"{SCORES}/episodes.parquet",
    output:
        folder=report(
            directory(paths.stage("statistics", PLAN.name)),
            patterns=["{table}.csv"],
            caption="../report/statistics.rst",
            category="Aggregates",
            labels={"table": "{table}"},
        ),
    log:
        f"{paths.LOGS}/statistics/{PLAN.name}.log",
    params:
        scores=subpath(input.scores, parent=True),
    shell:
        "python -m paper_tables.statistics --scores {params.scores:q} --output {output.folder:q} &> {log:q}"
