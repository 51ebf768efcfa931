# Evidence: every reported number judged by public runs, other documents' reports and arithmetic. Nothing is trained.
# update(): a source that is refused leaves the tables of before; their record says that they are not of today's data.

# All of paper_tables: data and program. A changed or added file is a new table of evidence.
PAPERS_SIDE = sorted(
    str(path)
    for ending in ("py", "csv", "yaml", "json", "js", "css", "html")
    for path in Path("paper_tables").rglob(f"*.{ending}")
)


rule evidence:
    """Every reported number judged by public runs, other reports and arithmetic: `results/evidence.html`. It prints how many. Nothing is
    trained, and torch is not needed.
    """
    input:
        read(PAPERS_SIDE, paths.stage("tables", "evidence")),
    output:
        tables=update(directory(paths.stage("tables", "evidence"))),
        page=update(f"{paths.RESULTS}/evidence.html"),
    log:
        f"{paths.LOGS}/evidence/evidence.log",
    params:
        unit=lambda wildcards: PLAN.unit("evidence", wildcards),
    shell:
        "python -m paper_tables.evidence --output {output.tables:q} --page {output.page:q} 2>&1 | tee {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


rule evidence_figures:
    """A forest plot for each paper's table, and the matrix of verdicts: `results/figures/evidence/`."""
    input:
        read(PAPERS_SIDE, paths.stage("figures", "evidence")),
    output:
        update(directory(paths.stage("figures", "evidence"))),
    log:
        f"{paths.LOGS}/evidence/figures.log",
    params:
        unit=lambda wildcards: PLAN.unit("evidence_figures", wildcards),
    shell:
        "python -m paper_tables.figures.evidence --output {output:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    evidence,
    evidence_figures,
