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
                "first job (train)": asked_for(
                    "train",
                    {"threads": MACHINE["threads"]}
                    | {key: MACHINE[key] for key in ("gpu", "mem_mb", "runtime")},
                ),
                "last job (evaluate)": asked_for(
                    "evaluate",
                    {
                        "threads": EVALUATION_WORKERS,
                        "gpu": 0,
                        "mem_mb": 3000,
                        "runtime": 720,
                    },
                ),
            }
        ),
    shell:
        "python -m recheck.cost_estimate --config {params.configuration:q} --resources {params.resources:q} 2> {log:q}"
