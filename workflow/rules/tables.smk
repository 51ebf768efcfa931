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
        sequential=PLAN.sequential_design(),
    shell:
        "python -m paper_tables.tables --scores {params.scores:q} --layout all --experiment {params.name:q} "
        "--output {output.folder:q}"
        + (" --sequential {params.sequential:q}" if PLAN.looks else "")
        + " &> {log:q}"


if PLAN.looks:

    # What the look decided. The next call reads it and trains the seeds of the runs that go on.
    rule looks:
        input:
            tables=rules.tables.output.folder,
        output:
            looks=update(paths.looks(PLAN.name)),
        log:
            f"{paths.LOGS}/looks/{PLAN.name}.log",
        shell:
            "python -m recheck.sequential --tables {input.tables:q} --output {output.looks:q} &> {log:q}"
