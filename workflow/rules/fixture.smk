# Scores of real runs of others (d3rlpy-benchmarks), which are in the repository: tables and figures before any training.


rule fixture:
    """A step, with `--config scores=d3rlpy`: scores of others' public runs, in the form of an experiment's."""
    input:
        runs=read("paper_tables/public_runs/d3rlpy.csv", f"{SCORES}/scores.parquet"),
    output:
        tables=expand(f"{SCORES}/{{table}}.parquet", table=paths.SCORE_TABLES),
    log:
        f"{paths.LOGS}/scores/{PLAN.name}.log",
    params:
        folder=SCORES,
        unit=lambda wildcards: PLAN.unit("fixture", wildcards),
    shell:
        "python -m paper_tables.scores.d3rlpy --output {params.folder:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    fixture,
