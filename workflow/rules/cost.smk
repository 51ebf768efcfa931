# Cost: what is left to do, in hours, and what the jobs will ask for; before anything is launched.

_settings = workflow.resource_settings


def _asked_for(rule, declared):
    """What a rule's jobs ask for: the profile's defaults, the rule's own, the profile's word on this rule."""
    default = {
        key: value.raw for key, value in (_settings.default_resources or {}).items()
    }
    overwritten = {
        key: value.raw
        for key, value in _settings.overwrite_resources.get(rule, {}).items()
    }
    chosen = {**default, **declared, **overwritten}
    return {
        key: value for key, value in chosen.items() if key not in ("tmpdir", "disk_mb")
    }


rule cost:
    log:
        f"{paths.LOGS}/cost/{PLAN.name}.log",
    params:
        resources=json.dumps(
            {
                "first job (train)": _asked_for(
                    "train",
                    {"threads": MACHINE["threads"]}
                    | {key: MACHINE[key] for key in ("gpu", "mem_mb", "runtime")},
                ),
                "last job (evaluate)": _asked_for(
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
        "{PYTHON:q} -m recheck_planning.cost --config {CONFIGURATION:q} --resources {params.resources:q} 2> {log:q}"
