# Publish: the experiment's score tables as they are kept in the repository, with a data dictionary.


# The published files are not a rule's output: Snakemake would delete the old ones before the new ones are known to be right.
rule publish:
    """Puts the experiment's score tables, with their data dictionary, into `results/published`."""
    input:
        index=rules.scores.output.index,
        tables=rules.scores.output.tables,
    log:
        f"{paths.LOGS}/publish/{PLAN.name}.log",
    params:
        scores=subpath(input.index, parent=True),
        experiment=PLAN.name,
        folder=paths.PUBLISHED,
    shell:
        "python -m paper_tables.publish --scores {params.scores:q} --experiment {params.experiment:q} "
        "--output {params.folder:q} &> {log:q}"


localrules:
    publish,
