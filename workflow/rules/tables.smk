# Tables: the experiment's own, and each paper's layout with ours beside the reported numbers; all verdicts in one file.


rule tables:
    input:
        scores=f"{SCORES}/scores.parquet",
        episodes=f"{SCORES}/episodes.parquet",
        cost=f"{SCORES}/cost.parquet",
        losses=f"{SCORES}/losses.parquet",
        reported=REPORTED_NUMBERS,
        layouts=LAYOUTS,
        settings=PAPER_SETTINGS,
    output:
        folder=report(
            directory(paths.stage("tables", PLAN.name)),
            patterns=["{table}.csv"],
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        f"{paths.LOGS}/tables/{PLAN.name}.log",
    params:
        scores=subpath(input.scores, parent=True),
        name=PLAN.name,
    shell:
        "python -m paper_tables.tables --scores {params.scores:q} --layout all --experiment {params.name:q} "
        "--output {output.folder:q} &> {log:q}"
