# Tables: the experiment's own, and each paper's layout with ours next to the reported numbers; all verdicts in one file.


rule tables:
    """The papers' tables with our scores in them, and the verdicts: `results/tables/EXPERIMENT/`."""
    input:
        scores=read(f"{SCORES}/scores.parquet", paths.stage("tables", PLAN.name)),
        episodes=read(f"{SCORES}/episodes.parquet", paths.stage("tables", PLAN.name)),
        cost=read(f"{SCORES}/cost.parquet", paths.stage("tables", PLAN.name)),
        losses=read(f"{SCORES}/losses.parquet", paths.stage("tables", PLAN.name)),
        reported=read(REPORTED_NUMBERS, paths.stage("tables", PLAN.name)),
        layouts=read(LAYOUTS, paths.stage("tables", PLAN.name)),
        settings=read(PAPER_SETTINGS, paths.stage("tables", PLAN.name)),
    output:
        folder=directory(paths.stage("tables", PLAN.name)),
    log:
        f"{paths.LOGS}/tables/{PLAN.name}.log",
    params:
        scores=SCORES,
        name=PLAN.name,
        layouts=PLAN.layouts(),
        unit=lambda wildcards: PLAN.unit("tables", wildcards),
        sequential=PLAN.sequential_design(),
    shell:
        "python -m paper_tables.tables --scores {params.scores:q} --layout {params.layouts:q} --experiment {params.name:q} "
        "--output {output.folder:q}"
        + (" --sequential {params.sequential:q}" if PLAN.looks else "")
        + " &> {log:q} && python -m recheck.records {params.unit:q} &>> {log:q}"


if PLAN.looks:

    rule looks:
        """A step, in experiments with sequential seeds: what the last look decided. The next call trains the seeds of
        the runs that continue.
        """
        input:
            tables=read(paths.stage("tables", PLAN.name), paths.looks(PLAN.name)),
        output:
            looks=update(paths.looks(PLAN.name)),
        log:
            f"{paths.LOGS}/looks/{PLAN.name}.log",
        params:
            unit=lambda wildcards: PLAN.unit("looks", wildcards),
        shell:
            "python -m recheck.experiments.sequential --tables {input.tables:q} --output {output.looks:q} &> {log:q} && "
            "python -m recheck.records {params.unit:q} &>> {log:q}"

    localrules:
        looks,


rule verdicts:
    """Prints the verdicts of the experiment; all of them are in `results/tables/EXPERIMENT/verdicts.csv`."""
    input:
        tables=rules.tables.output.folder,
    log:
        f"{paths.LOGS}/verdicts/{PLAN.name}.log",
    shell:
        "cat {input.tables:q}/verdict_summary.md 2>&1 | tee {log:q}"


localrules:
    tables,
    verdicts,
