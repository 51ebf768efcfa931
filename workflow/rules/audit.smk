# Audit: what the published tables themselves say that cannot be. Nothing is trained.


rule audit:
    input:
        reported=REPORTED_NUMBERS,
    output:
        findings=report(
            f"{paths.AUDIT}/audit.csv",
            caption="../report/audit.rst",
            category="Audit of reported numbers",
        ),
        readable=f"{paths.AUDIT}/audit.md",
    log:
        f"{paths.LOGS}/audit/audit.log",
    params:
        folder=subpath(output.findings, parent=True),
    shell:
        "python -m paper_tables.audit --output {params.folder:q} &> {log:q}"
