# Scores: the rows that an experiment asked for, out of its blocks, and the index that says where they are.


rule scores:
    """The scores of the experiment, out of its blocks of seeds, checked: `results/scores/EXPERIMENT/`."""
    input:
        episodes=read(PLAN.episodes(), f"{paths.scores(PLAN.name)}/index.json"),
        timings=read(PLAN.timings(), f"{paths.scores(PLAN.name)}/index.json"),
        runs=read(
            [path for name in paths.RUN_FILES for path in PLAN.run_files(name)],
            f"{paths.scores(PLAN.name)}/index.json",
        ),
        manifests=read(PLAN.manifests(), f"{paths.scores(PLAN.name)}/index.json"),
    output:
        index=f"{paths.scores(PLAN.name)}/index.json",
        tables=expand(
            f"{paths.RESULTS}/scores/{PLAN.name}/{{table}}.parquet",
            table=paths.SCORE_TABLES,
        ),
    log:
        f"{paths.LOGS}/scores/{PLAN.name}.log",
    params:
        identity=PLAN.identity(),
        request=PLAN.request(),
        folder=subpath(output.index, parent=True),
    # What the collector prints, losses that are not finite, is shown too.
    shell:
        ": > {log:q}; "
        "(python -m recheck.results.score_index --config {params.identity:q} --output {output.index:q} && "
        "python -m paper_tables.scores --experiment-file {output.index:q} --output {params.folder:q} && "
        "python -m recheck.results.score_index --config {params.identity:q} --record) 2>> {log:q} | "
        "tee -a {log:q}"


localrules:
    scores,
