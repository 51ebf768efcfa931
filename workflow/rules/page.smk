# Page: one page for each experiment, and the index of all pages, results/report.html.


rule page:
    """The experiment's page, `results/reports/EXPERIMENT.html`, and the index of all pages, `results/report.html`."""
    input:
        scores=read(
            [f"{SCORES}/{name}.parquet" for name in paths.SCORE_TABLES],
            paths.page(PLAN.name),
        ),
        statistics=read(rules.statistics.output.folder, paths.page(PLAN.name)),
        tables=read(rules.tables.output.folder, paths.page(PLAN.name)),
        figures=read(
            [rules.figures.output.folder, *PLAN.bandit_files()], paths.page(PLAN.name)
        ),
        reevaluated=read(PLAN.reevaluation_files(), paths.page(PLAN.name)),
    output:
        page=paths.page(PLAN.name),
        summary=f"{paths.REPORTS}/{PLAN.name}.json",
    log:
        f"{paths.LOGS}/page/{PLAN.name}.log",
    params:
        sources=PLAN.page_sources(),
        # No output: every experiment's page writes it again.
        index=paths.INDEX,
        unit=lambda wildcards: PLAN.unit("page", wildcards),
    shell:
        "python -m paper_tables.report --sources {params.sources:q} --output {output.page:q} "
        "--index {params.index:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    page,
