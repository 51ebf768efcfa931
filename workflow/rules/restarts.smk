# Restarts: what is made again, by the records of what is there; one Snakemake at a time for one result.

# Which results are what the plan wants is decided by their records (docs/restarts.md), never by dates: what is made
# again is forced, and the inputs of all else are ancient(). A job's own Snakemake does what it is asked.
with cli.mistakes_end(logger.error):
    cautions = made_again.check_folder(PLAN.root) if workflow.is_main_process else []
    COMPARED = (
        PLAN.comparison() if workflow.is_main_process else made_again.RecordComparison()
    )
for message in [*cautions, *made_again.messages(COMPARED)]:
    logger.warning(message)


def comparison():
    """The comparison of the plan with the records, with the rules that the user forces."""
    forced = workflow.dag_settings.forcerun if workflow.is_main_process else ()
    return PLAN.comparison(frozenset(forced)) if forced else COMPARED


def read(files, made):
    """Input function: `files` (paths with wildcards, or a function of them) that the output `made` is made from."""

    def input_function(wildcards):
        compared = comparison()
        force(compared)
        take_in(compared)
        settings = workflow.dag_settings
        asked = settings.forceall or settings.forcetargets
        values = dict(wildcards.items())
        names = files(wildcards) if callable(files) else files
        one = isinstance(names, str)
        listed = [names] if one else names
        if values and not callable(files):
            listed = [name.format(**values) for name in listed]
        target = made.format(**values)
        if target in compared.kept and not asked:
            # What it was made from may be gone, and be made for something else: that is no reason to make it again.
            listed = [name for name in listed if Path(name).exists()]
        # Snakemake does not look at what follows a job that is run, unless through inputs that are not ancient.
        if target in compared.known and target not in compared.forced:
            listed = [ancient(name) for name in listed]
        return listed[0] if one and listed else listed

    return RuleFunction(input_function)


# The plan and the comparison whose files are forced already: adding them again at each job takes quadratic time.
FORCED = {"dag": None, "compared": None}


def force(compared):
    """Make again what the comparison forces."""
    if FORCED["dag"] is not workflow.dag or FORCED["compared"] is not compared:
        workflow.dag.forcefiles.update(compared.forced)
        FORCED.update(dag=workflow.dag, compared=compared)


def take_in(compared):
    """Write the records of results that have none; not in a dry-run."""
    if compared.adopted and workflow.is_main_process and not workflow.dryrun:
        for message in made_again.adopt(PLAN.root, compared):
            logger.warning(message)


# Before the first job of a run that has any; not in a dry-run.
onstart:
    with cli.mistakes_end(logger.error):
        makes = [path for job in workflow.dag.needrun_jobs() for path in job.output]
        # Programs in a container see its torch, which is another one.
        if workflow.local_exec and SITE.container is None:
            probing.check_gpu_here(
                [
                    job.rule.name
                    for job in workflow.dag.needrun_jobs()
                    if job.resources.get("gpu", 0)
                ]
            )
        results_lock.claim(PLAN.root, makes)
        if getattr(workflow.executor_plugin, "name", None) == "submitit":
            said = probing.advice(PLAN.root, len(list(workflow.dag.needrun_jobs())))
            if said:
                logger.warning(said)


onsuccess:
    PLAN.link_latest()
