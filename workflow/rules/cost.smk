# Cost: what is left to do, in hours, what the jobs will ask for, and how long all of it lasts; before anything is
# launched. After a run: the forecast and what was measured.

resources_of = partial(
    asked_for,
    default=workflow.resource_settings.default_resources,
    overwritten=workflow.resource_settings.overwrite_resources,
)


rule cost:
    """Prints what is left to do, in hours, what the jobs will ask for, and how long all of it lasts. Nothing is
    launched. After a run: the forecast next to what was measured.
    """
    log:
        f"{paths.LOGS}/cost/{PLAN.name}.log",
    params:
        configuration=PLAN.configuration(),
        # Jobs at one time of a cluster, or cores of this machine.
        capacity=lambda wildcards: json.dumps(
            {"jobs": workflow.resource_settings.nodes}
            if workflow.non_local_exec
            else {"cores": workflow.resource_settings.cores}
        ),
        output=f"{paths.COST}/{PLAN.name}.json",
        measured=f"{paths.scores(PLAN.name)}/cost.parquet",
        resources=lambda wildcards: json.dumps(
            {
                label: resources_of(stage, REQUESTS.largest()[stage])
                for label, stage in (
                    ("largest job (train)", "train"),
                    ("largest job (evaluate)", "evaluate"),
                )
            }
        ),
    shell:
        "(python -m recheck.cost.estimate --config {params.configuration:q} --capacity {params.capacity:q} "
        "--resources {params.resources:q} --output {params.output:q} && "
        "python -m paper_tables.verdicts.budget {params.output:q} && "
        "python -m paper_tables.scores.forecast {params.output:q} --measured {params.measured:q}) 2> {log:q}"


localrules:
    cost,
