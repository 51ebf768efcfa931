"""Snakemake resources to sbatch options: names, combinations, refusals."""

import pytest
from snakemake_executor_plugin_submitit.errors import SubmititError
from snakemake_executor_plugin_submitit.resources import (
    KNOWN_RESOURCES,
    request_of,
    unknown_resources,
)

SNAKEMAKES_OWN = {
    "tmpdir": "/tmp",
    "disk_mb": 1000,
    "disk_mib": 954,
    "disk": "1 GB",
    "mem": "2 GB",
    "mem_mib": 1908,
    "_cores": 3,
    "_nodes": 1,
}


def options(threads: int = 1, **resources: object) -> dict[str, str | bool]:
    return request_of("train", resources, threads).sbatch_options()


def test_names_are_those_of_the_official_plugin() -> None:
    assert set(KNOWN_RESOURCES) == {
        *("slurm_partition", "slurm_account", "qos", "constraint", "gpu", "gpu_model", "gres", "mem_mb"),
        *("mem_mb_per_cpu", "cpus_per_task", "runtime", "slurm_extra"),
    }


def test_every_resource_becomes_its_option() -> None:
    assert options(
        slurm_partition="long",
        slurm_account="lab",
        qos="high",
        constraint="skylake|icelake",
        gpu=2,
        gpu_model="a100",
        mem_mb=4000,
        cpus_per_task=6,
        runtime=90,
        slurm_extra="--exclude=node[1-3] --nice 100 --exclusive -w node9",
        **SNAKEMAKES_OWN,
    ) == {
        "partition": "long",
        "account": "lab",
        "qos": "high",
        "constraint": "skylake|icelake",
        "gres": "gpu:a100:2",
        "mem": "4000M",
        "cpus-per-task": "6",
        "time": "90",
        "exclude": "node[1-3]",
        "nice": "100",
        "exclusive": True,
        "nodelist": "node9",
        "nodes": "1",
        "ntasks": "1",
    }


def test_cores_are_the_threads_and_the_partition_decides_the_time() -> None:
    made = options(threads=4, mem_mb=100)
    assert made["cpus-per-task"] == "4"
    assert "time" not in made


def test_memory_per_core_wins_over_snakemakes_default() -> None:
    made = options(mem_mb=1000, mem_mb_per_cpu=700)
    assert made["mem-per-cpu"] == "700M"
    assert "mem" not in made


def test_gpus() -> None:
    assert options(gpu=1)["gres"] == "gpu:1"
    assert options(gpu=1, gres="shard:2")["gres"] == "shard:2,gpu:1"
    assert "gres" not in options(gpu=0, gpu_model="a100")  # the profile's model is for jobs with a GPU
    assert options(gres="gpu:v100:1")["gres"] == "gpu:v100:1"
    with pytest.raises(SubmititError, match="either by gpu or by gres"):
        options(gpu=1, gres="gpu:v100:1")


def test_unknown_resources_are_refused_with_the_list() -> None:
    with pytest.raises(SubmititError) as caught:
        options(partition="long", nodes=2)
    text = str(caught.value)
    assert "Rule train asks for the resources nodes, partition" in text
    assert all(name in text for name in KNOWN_RESOURCES)


def test_snakemakes_own_and_the_users_limits_pass() -> None:
    assert unknown_resources(SNAKEMAKES_OWN) == []
    assert unknown_resources(["licences"]) == ["licences"]
    assert unknown_resources(["licences"], allowed=["licences"]) == []


@pytest.mark.parametrize("name", ["gpu", "mem_mb", "mem_mb_per_cpu", "cpus_per_task", "runtime"])
@pytest.mark.parametrize("value", ["many", -1, 1.5, "nan", "inf"])
def test_numbers_are_whole(name: str, value: object) -> None:
    with pytest.raises(SubmititError, match=f"Rule train: resource {name}={value} must be a whole number"):
        options(**{name: value})


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("--array=0-3", "--array in slurm_extra is set by the executor itself"),
        ("--no-requeue", "--no-requeue in slurm_extra is set by the executor itself"),
        ("--mem=4G", "use the resource mem_mb"),
        ("-t 10", "use the resource runtime"),
        ("node7", "write long options"),
        ("--comment='half", "cannot be read"),
        ("--qos=low", "another resource of the rule sets"),
    ],
)
def test_slurm_extra_is_checked(extra: str, message: str) -> None:
    with pytest.raises(SubmititError, match=message):
        options(qos="high", slurm_extra=extra)


def test_memory_grows_by_a_factor_and_nothing_else_changes() -> None:
    request = request_of("train", {"mem_mb": 500, "runtime": 5}, 1)
    grown = request.with_memory_factor(4)
    assert grown.memory_mb == 2000
    assert request.with_memory_factor(1) == request
    assert grown.sbatch_options() == {**request.sbatch_options(), "mem": "2000M"}


@pytest.mark.parametrize(
    "name", ["slurm_partition", "slurm_account", "qos", "constraint", "gpu_model", "gres"]
)
@pytest.mark.parametrize("value", [83, 1e5, False])
def test_a_number_or_a_boolean_is_no_text(name: str, value: object) -> None:
    """YAML has read 0123 as 83, Snakemake's command line 1e5 as 100000."""
    with pytest.raises(SubmititError, match=f"Rule train: resource {name} is the .* must be text.*in quotes"):
        options(**{name: value})
    assert options(slurm_account="0123")["account"] == "0123"
