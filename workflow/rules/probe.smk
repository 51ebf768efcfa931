# Preflight and probe: whether the cluster has what is asked for, and two short jobs before hundreds are sent.


rule preflight:
    """Asks the cluster whether it has what jobs will ask for: partitions, time limits, GPU types, accounts. Nothing is
    submitted.
    """
    log:
        f"{paths.LOGS}/preflight/{PLAN.name}.log",
    retries: 0
    params:
        configuration=PLAN.configuration(),
        longest=lambda wildcards: max(
            asked["runtime"] for asked in REQUESTS.largest().values()
        ),
    shell:
        "python -m recheck.cluster.preflight --config {params.configuration:q} --longest-minutes {params.longest:q} "
        "2> {log:q}"


# Printed answers are removed, so that every probe sends its jobs.
rule probe_train:
    """A step: a short job of `probe`, with what a job of training asks for."""
    output:
        answer=f"{probing.FOLDER}/train.json",
    log:
        f"{paths.LOGS}/probe/train.log",
    retries: 0
    threads: MACHINE["threads"]
    resources:
        **SITE.resources(MACHINE["gpu"] > 0),
        gpu=MACHINE["gpu"],
        mem_mb=2000,
        runtime=10,
    shell:
        "python -m recheck.cluster.probe --kind train --gpu {resources.gpu} --output {output.answer:q} &> {log:q}"


rule probe_evaluate:
    """A step: a short job of `probe`, with what a job of evaluation asks for."""
    output:
        answer=f"{probing.FOLDER}/evaluate.json",
    log:
        f"{paths.LOGS}/probe/evaluate.log",
    retries: 0
    threads: REQUESTS.machine.workers
    resources:
        **SITE.resources(REQUESTS.machine.gpu),
        gpu=1 if REQUESTS.machine.gpu else 0,
        mem_mb=2000,
        runtime=10,
    shell:
        "python -m recheck.cluster.probe --kind evaluate --gpu {resources.gpu} --output {output.answer:q} &> {log:q}"


rule probe:
    """Sends two jobs of at most ten minutes, before hundreds are sent, and prints what they found: node, cores, torch,
    GPUs.
    """
    input:
        rules.probe_train.output.answer,
        rules.probe_evaluate.output.answer,
    log:
        f"{paths.LOGS}/probe/probe.log",
    retries: 0
    shell:
        "python -m recheck.cluster.probe 2> {log:q}"


localrules:
    preflight,
    probe,
