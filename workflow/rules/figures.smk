# Figures: all that the data of the experiment allow, as PDF and PNG.


rule figures:
    input:
        scores=f"{SCORES}/scores.parquet",
        episodes=f"{SCORES}/episodes.parquet",
        cost=f"{SCORES}/cost.parquet",
        losses=f"{SCORES}/losses.parquet",
        statistics=rules.statistics.output.folder,
        tables=rules.tables.output.folder,
        settings=PAPER_SETTINGS,
    output:
        folder=report(
            directory(paths.stage("figures", PLAN.name)),
            patterns=["{figure}.png"],
            caption="../report/figures.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        f"{paths.LOGS}/figures/{PLAN.name}.log",
    params:
        scores=subpath(input.scores, parent=True),
        verdicts=f"{rules.tables.output.folder}/verdicts.csv",
    shell:
        "python -m paper_tables.figures --scores {params.scores:q} --statistics {input.statistics:q} "
        "--verdicts {params.verdicts:q} --output {output.folder:q} &> {log:q}"
