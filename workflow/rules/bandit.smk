# The two-dimensional bandit of Diffusion-QL's section 4. It needs no dataset.

BANDIT_OUTPUTS = ["samples.parquet", "numbers.csv", "config.json"]


rule train_bandit:
    output:
        expand(f"{paths.BANDIT}/{{{{size}}}}/{{name}}", name=BANDIT_OUTPUTS),
    log:
        f"{paths.LOGS}/bandit/{{size}}.log",
    wildcard_constraints:
        size="reduced|full",
    threads: lambda wildcards: {"reduced": 1, "full": 4}[wildcards.size]
    resources:
        gpu=0,
        mem_mb=4000,
        runtime=720,
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "python -m algos.bandit --size {wildcards.size:q} --seed 0 --workers {threads} "
        "--output {params.folder:q} &> {log:q}"


# The full one: 100,000 updates.
rule bandit:
    input:
        f"{paths.BANDIT}/full/numbers.csv",
