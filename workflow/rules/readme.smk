# Readme: the tables and figures of the published scores and of the evidence, put into the documents where their
# markers are.


# No document is a rule's output: Snakemake would delete it first.
rule readme:
    """Writes the generated tables and figures of README.md, docs/evidence.md and docs/study.md again. It needs
    `--config scores=published`.
    """
    input:
        statistics=rules.statistics.output.folder,
        tables=rules.tables.output.folder,
        figures=rules.figures.output.folder,
        evidence=rules.evidence.output.tables,
        evidence_figures=rules.evidence_figures.output,
    log:
        f"{paths.LOGS}/readme/{PLAN.name}.log",
    shell:
        "python -m paper_tables.publish.readme --tables {input.tables:q} --tables {input.statistics:q} "
        "--tables {input.evidence:q} --figures {input.figures:q} --figures {input.evidence_figures:q} "
        "README.md docs/evidence.md docs/study.md &> {log:q}"


localrules:
    readme,
