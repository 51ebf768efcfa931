# Restarts: what is made again, by the records of what is there; one Snakemake at a time for one result.

# Which results are what the plan wants is decided by their records (docs/restarts.md), never by dates. What is made
# again is forced; the inputs of what is kept are ancient(). A job's own Snakemake does what it is asked.
try:
    COMPARED = PLAN.comparison() if workflow.is_main_process else restarts.Comparison()
except ConfigError as error:
    raise WorkflowError(str(error)) from None
for message in restarts.messages(COMPARED):
    logger.warning(message)


def read(files, made):
    """Input function: `files` (paths with wildcards, or a function of them) that the output `made` is made from."""

    def input_function(wildcards):
        names = files(wildcards) if callable(files) else files
        if not workflow.is_main_process:
            compared = COMPARED
        elif workflow.dag_settings.forcerun:
            compared = PLAN.comparison(frozenset(workflow.dag_settings.forcerun))
        else:
            compared = COMPARED
        workflow.dag.forcefiles.update(compared.forced)
        keep = (
            ancient if made.format(**dict(wildcards.items())) in compared.kept else str
        )
        if isinstance(names, str):
            return keep(names.format(**dict(wildcards.items())))
        return [keep(name) for name in names]

    return input_function


# Before the first job of a run that has any; not in a dry-run.
onstart:
    try:
        makes = [path for job in workflow.dag.needrun_jobs() for path in job.output]
        results_lock.claim(PLAN.root, makes)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    for message in restarts.adopt(PLAN.root, COMPARED):
        logger.warning(message)


# What the report is made from is said in its first lines (workflow/report/workflow.rst).
config["made_from"] = restarts.statement(PLAN.root, PLAN.last_units(), COMPARED)


onsuccess:
    PLAN.link_latest()
    config["made_from"] = restarts.statement(
        PLAN.root, PLAN.last_units(), PLAN.fresh_comparison()
    )
