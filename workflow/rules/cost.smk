# Cost: what is left to do, in hours, and what the jobs will ask for; before anything is launched.

asked_for = partial(
    predicted_cost.asked_for,
    default=workflow.resource_settings.default_resources,
    overwritten=workflow.resource_settings.overwrite_resources,
)


rule cost:
    log:
        f"{paths.LOGS}/cost/{PLAN.name}.log",
    params:
        configuration=PLAN.configuration(),
        resources=json.dumps(
            {
                label: asked_for(stage, REQUESTS.largest()[stage])
                for label, stage in (
                    ("largest job (train)", "train"),
                    ("largest job (evaluate)", "evaluate"),
                )
            }
        ),
    shell:
        "python -m recheck.cost_estimate --config {params.configuration:q} --resources {params.resources:q} 2> {log:q}"
