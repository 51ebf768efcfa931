# Speed of this machine: training and acting, for each method, stacked seeds and diffusion steps.


rule benchmark_configs:
    """A step: the configurations that `benchmark` measures."""
    output:
        f"{paths.BENCHMARK}/configs.json",
    log:
        f"{paths.LOGS}/benchmark/configs.log",
    shell:
        "python -m recheck.methods.benchmark_configs --output {output:q} &> {log:q}"


rule benchmark:
    """Measures the speed of training and acting on this machine, for each method: `results/benchmark/benchmark.md`. With
    `compile=true` or `compile=update`, of compiled training: `benchmark.md` in a folder `losses` or `update` there.
    """
    input:
        configs=rules.benchmark_configs.output[0],
    output:
        multiext(f"{paths.benchmark(REQUESTS.compiled)}/benchmark", ".json", ".md"),
        acting=f"{paths.BENCHMARK}/acting.json",
        environments=f"{paths.BENCHMARK}/environments.json",
        starts=f"{paths.BENCHMARK}/starts.json",
    log:
        f"{paths.LOGS}/benchmark/benchmark.log",
    threads: MACHINE["threads"]
    resources:
        **SITE.resources(MACHINE["gpu"] > 0),
        gpu=MACHINE["gpu"],
        mem_mb=MACHINE["mem_mb"],
        runtime=MACHINE["runtime"],
    params:
        folder=subpath(output[0], parent=True),
        # Compiling takes tens of seconds a row, and longer the more diffusion steps: rows that the forecast needs.
        sizes=(
            ["--blocks", MACHINE["seeds_per_block"], "--diffusion-steps", "5,20"]
            if REQUESTS.compiled
            else []
        ),
        # Side by side, as jobs of training will run: an update takes longer where all cores are busy.
        processes=lambda wildcards: (
            max(1, workflow.resource_settings.cores // MACHINE["threads"])
            if workflow.local_exec and MACHINE["gpu"] == 0
            else 1
        ),
    shell:
        "device=cpu; [ {resources.gpu} -eq 0 ] || device=cuda; "
        "python -m algos.benchmark --configs {input.configs:q} --output {params.folder:q} "
        "--device $device --threads {threads} --processes {params.processes:q} {params.sizes:q} $COMPILE "
        "&> {log:q} && "
        "python -m algos.benchmark.acting --configs {input.configs:q} --output {output.acting:q} &>> {log:q} && "
        "python -m algos.benchmark.environments --output {output.environments:q} &>> {log:q} && "
        "python -m algos.benchmark.starts --output {output.starts:q} &>> {log:q}"


localrules:
    benchmark_configs,
