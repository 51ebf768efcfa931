# Figures: all that the data of the experiment allow, as PDF and PNG.


rule figures:
    """Every figure that the experiment's data allow, as PDF and PNG: `results/figures/EXPERIMENT/`."""
    input:
        scores=read(f"{SCORES}/scores.parquet", paths.stage("figures", PLAN.name)),
        episodes=read(f"{SCORES}/episodes.parquet", paths.stage("figures", PLAN.name)),
        cost=read(f"{SCORES}/cost.parquet", paths.stage("figures", PLAN.name)),
        losses=read(f"{SCORES}/losses.parquet", paths.stage("figures", PLAN.name)),
        statistics=read(
            rules.statistics.output.folder, paths.stage("figures", PLAN.name)
        ),
        tables=read(rules.tables.output.folder, paths.stage("figures", PLAN.name)),
        settings=read(PAPER_SETTINGS, paths.stage("figures", PLAN.name)),
    output:
        folder=directory(paths.stage("figures", PLAN.name)),
    log:
        f"{paths.LOGS}/figures/{PLAN.name}.log",
    params:
        scores=SCORES,
        verdicts=f"{rules.tables.output.folder}/verdicts.csv",
        effects=(
            ["--effects", f"{rules.tables.output.folder}/effects_cells.csv"]
            if PLAN.varies
            else []
        ),
        unit=lambda wildcards: PLAN.unit("figures", wildcards),
    shell:
        "python -m paper_tables.figures --scores {params.scores:q} --statistics {input.statistics:q} "
        "--verdicts {params.verdicts:q} {params.effects:q} --output {output.folder:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    figures,
