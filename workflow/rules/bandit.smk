# The two-dimensional bandit of Diffusion-QL's section 4. It needs no dataset.


rule train_bandit:
    """A step: the two-dimensional bandit of Diffusion-QL's section 4, trained and sampled."""
    input:
        read([], f"{paths.BANDIT}/{{size}}/numbers.csv"),
    output:
        samples=update(f"{paths.BANDIT}/{{size}}/samples.parquet"),
        numbers=update(f"{paths.BANDIT}/{{size}}/numbers.csv"),
        config=update(f"{paths.BANDIT}/{{size}}/config.json"),
    log:
        f"{paths.LOGS}/bandit/{{size}}.log",
    wildcard_constraints:
        size="reduced|full",
    threads: lambda wildcards: {"reduced": 1, "full": 4}[wildcards.size]
    resources:
        **SITE.resources(False),
        gpu=0,
        mem_mb=4000,
        runtime=SITE.minutes(720),
    params:
        folder=subpath(output.numbers, parent=True),
        unit=lambda wildcards: PLAN.unit("train_bandit", wildcards),
    shell:
        "python -m algos.bandit --size {wildcards.size:q} --seed 0 --workers {threads} "
        "--output {params.folder:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


rule bandit_figures:
    """A step: the figures of the bandit."""
    input:
        samples=read(
            rules.train_bandit.output.samples,
            f"{paths.RESULTS}/figures/bandit-{{size}}",
        ),
        numbers=read(
            rules.train_bandit.output.numbers,
            f"{paths.RESULTS}/figures/bandit-{{size}}",
        ),
        config=read(
            rules.train_bandit.output.config,
            f"{paths.RESULTS}/figures/bandit-{{size}}",
        ),
    output:
        folder=directory(f"{paths.RESULTS}/figures/bandit-{{size}}"),
    log:
        f"{paths.LOGS}/bandit/{{size}}-figures.log",
    wildcard_constraints:
        size="reduced|full",
    params:
        folder=f"{paths.BANDIT}/{{size}}",
        unit=lambda wildcards: PLAN.unit("bandit_figures", wildcards),
    shell:
        "python -m paper_tables.figures.bandit --input {params.folder:q} --output {output.folder:q} &> {log:q} && "
        "python -m recheck.records {params.unit:q} &>> {log:q}"


rule bandit:
    """The two-dimensional bandit of Diffusion-QL's section 4 at full size, 100,000 updates; it needs no dataset."""
    input:
        f"{paths.RESULTS}/figures/bandit-full",


localrules:
    bandit_figures,
    bandit,
