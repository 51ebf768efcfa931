# Scores from a file or folder of the user's, in the form of an experiment's; what was guessed is printed.


rule score_file:
    """A step, with `--config scores=FILE`: scores of your own in the form of an experiment's; what was guessed is
    printed.
    """
    input:
        files=read(
            list(score_file.members(PLAN.settings, PLAN.root)),
            f"{SCORES}/scores.parquet",
        ),
    output:
        tables=expand(f"{SCORES}/{{table}}.parquet", table=paths.SCORE_TABLES),
    log:
        f"{paths.LOGS}/scores/{PLAN.name}.log",
    params:
        scores=PLAN.settings["scores"],
        stated=score_file.arguments(PLAN.settings),
        folder=SCORES,
        unit=lambda wildcards: PLAN.unit("score_file", wildcards),
    shell:
        "python -m paper_tables.score_files {params.scores:q} --output {params.folder:q} {params.stated:q} "
        "2>&1 | tee {log:q} && python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    score_file,
