# Audit: what the published tables themselves say that cannot be. Nothing is trained.


rule audit:
    """Which of the published numbers are impossible, or contradict each other: `results/audit/audit.md`. Nothing is
    trained.
    """
    input:
        reported=read(REPORTED_NUMBERS, f"{paths.AUDIT}/audit.csv"),
    output:
        findings=f"{paths.AUDIT}/audit.csv",
        readable=f"{paths.AUDIT}/audit.md",
    log:
        f"{paths.LOGS}/audit/audit.log",
    params:
        folder=subpath(output.findings, parent=True),
        unit=lambda wildcards: PLAN.unit("audit", wildcards),
    shell:
        "python -m paper_tables.audit --output {params.folder:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


localrules:
    audit,
