# Reevaluate: the policies of results/published/checkpoints, played again and compared with their published episodes.


rule play_checkpoint:
    """A step: the episodes of one published policy, played again."""
    input:
        expand(
            f"{paths.CHECKPOINT}/{{file}}",
            file=paths.CHECKPOINT_FILES,
            allow_missing=True,
        ),
    output:
        episodes=paths.REEVALUATION,
    log:
        f"{paths.LOGS}/reevaluate/{paths.EPISODES_BLOCK}.log",
    resources:
        **SITE.resources(False),
        gpu=0,
        mem_mb=lambda wildcards, attempt: of_published(
            PLAN, paths.EPISODES_BLOCK.format(**wildcards)
        )["mem_mb"]
        * MEMORY_FACTOR(attempt),
        runtime=lambda wildcards: of_published(
            PLAN, paths.EPISODES_BLOCK.format(**wildcards)
        )["runtime"],
    params:
        folder=subpath(input[0], parent=True),
        sampling=lambda wildcards: published_checkpoints.option(
            paths.EPISODES_BLOCK.format(**wildcards), "sampling"
        ),
        evaluation=lambda wildcards: published_checkpoints.option(
            paths.EPISODES_BLOCK.format(**wildcards), "evaluation"
        ),
    shell:
        "python -m algos.evaluate --run {params.folder:q} --dataset {params.folder:q} "
        "--sampling {params.sampling:q} --evaluation {params.evaluation:q} "
        "--label {wildcards.sampling:q} --output {output.episodes:q} &> {log:q}"


rule reevaluation:
    """A step: the table of the policies that were played again, whether they agree or not."""
    input:
        [
            f"{paths.REEVALUATIONS}/{block}.parquet"
            for block in published_checkpoints.blocks()
        ],
    output:
        paths.COMPARISON,
    log:
        f"{paths.LOGS}/reevaluate/table.log",
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "python -m paper_tables.publish.reevaluated --output {params.folder:q} &> {log:q}"


rule reevaluate:
    """Plays the published policies again and says whether their episodes agree with the published ones; ends with an
    error where they do not.
    """
    input:
        rules.reevaluation.input,
    log:
        f"{paths.LOGS}/reevaluate/comparison.log",
    shell:
        "python -m paper_tables.publish.reevaluated 2>&1 | tee {log:q}"


localrules:
    reevaluation,
    reevaluate,
