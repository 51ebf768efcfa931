# Readme: the tables and figures of the published scores, put into README.md where its markers stand.


# README.md is no rule's output: Snakemake would delete it first.
rule readme:
    input:
        statistics=rules.statistics.output.folder,
        tables=rules.tables.output.folder,
        figures=rules.figures.output.folder,
    log:
        f"{paths.LOGS}/readme/{PLAN.name}.log",
    shell:
        "python -m paper_tables.publish.readme --tables {input.tables:q} --tables {input.statistics:q} "
        "--figures {input.figures:q} README.md &> {log:q}"
