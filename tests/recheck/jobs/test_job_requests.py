"""The requests of a real experiment's jobs."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from recheck import plan
from recheck.errors import ConfigError
from recheck.jobs import job_requests
from recheck.jobs.job_requests import JobRequests

REPOSITORY = Path(__file__).resolve().parents[3]


def requests(**settings):
    defaults = yaml.safe_load((REPOSITORY / "workflow/config/config.yaml").read_text())
    return JobRequests(plan.load({**defaults, **settings}, REPOSITORY))


class Wildcards:
    """Of a cell's evaluation job."""

    def __init__(self, cell):
        parts = cell.run.group.split("/")
        self.method, self.task = parts[:2]
        self.variant, _, self.digest = parts[2].rpartition("-")
        self.diffusion_steps = parts[3].removeprefix("N")
        self.sampling = cell.sampling.label
        self.first, self.last = cell.block.first, cell.block.last


def test_every_job_of_an_experiment_stays_within_the_configurations_limits():
    ours = requests(experiment="ablations", evaluation_memory_mb=6000, evaluation_runtime=300)
    ours.check()
    cells = ours.plan.cells
    assert cells
    for cell in cells:
        wildcards = Wildcards(cell)
        assert 0 < ours.evaluation_memory_mb(wildcards) <= 6000
        assert 0 < ours.evaluation_minutes(wildcards) <= 300
        assert 0 < ours.training_minutes(wildcards) <= 1440
        assert ours.training_memory_mb(wildcards) >= 3000
        assert ours.environments(wildcards) >= 1
    largest = ours.largest()
    assert largest["evaluate"]["mem_mb"] == max(ours.evaluation_memory_mb(Wildcards(cell)) for cell in cells)
    assert largest["train"]["runtime"] == max(ours.training_minutes(Wildcards(cell)) for cell in cells)


def test_a_gpu_is_asked_for_where_policies_act_on_one():
    assert requests().device == "cpu"
    assert requests().largest()["evaluate"]["gpu"] == 0
    ours = requests(evaluation_device="gpu")
    assert (ours.device, ours.largest()["evaluate"]["gpu"]) == ("cuda", 1)
    assert requests(evaluation_device="auto").device == "auto"


def test_too_little_memory_for_the_candidates_is_refused_in_one_message():
    with pytest.raises(ConfigError, match=r"draws .* candidates .* by 4 processes would need") as said:
        requests(experiment="ablations", evaluation_memory_mb=1000, evaluation_workers=4).check()
    assert re.match(r"Sampling '\w+' of method \w+ on ", str(said.value))


@pytest.mark.parametrize(
    ("setting", "compiled", "option"),
    [
        (False, None, ""),
        (True, "losses", "--compile"),
        ("true", "losses", "--compile"),
        ("false", None, ""),
        ("update", "update", "--compile=update"),
    ],
)
def test_compile_is_an_option_of_the_trainer(setting, compiled, option):
    found = requests(experiment="smoke", compile=setting)
    assert (found.compiled, found.compile) == (compiled, option)


def test_whole_updates_are_not_compiled_on_a_gpu():
    with pytest.raises(ConfigError, match=r"compile is 'update' .* give compile=true or .* train_on=cpu"):
        requests(experiment="smoke", compile="update", train_on="gpu").check()
    requests(experiment="smoke", compile="update").check()


def test_a_method_whose_whole_update_cannot_be_compiled_is_refused_by_the_plan(tmp_path):
    data = with_files(tmp_path, "hopper-sac-tqc-v0")
    with pytest.raises(ConfigError, match=r"compile is 'update', but the class of awr says .* compile=true"):
        requests(experiment="baselines", compile="update", methods="iql,awr", data_folder=data).check()
    requests(experiment="baselines", compile="update", methods="iql,td3_bc", data_folder=data).check()
    requests(experiment="baselines", compile="true", methods="iql,awr", data_folder=data).check()


def with_files(folder, *tasks):
    """A folder in which the plan finds the tasks' files; it does not open them."""
    for task in tasks:
        (folder / f"{task}.hdf5").touch()
    return str(folder)


def test_bfloat16_is_not_for_a_gpu(tmp_path):
    data = with_files(tmp_path, "halfcheetah-mixed-v0")
    with pytest.raises(ConfigError, match=r"Variant 'bfloat16' has precision bfloat16, .* train_on=cpu"):
        requests(experiment="precision", train_on="gpu", data_folder=data).check()
    requests(experiment="precision", data_folder=data).check()


@pytest.mark.parametrize(
    ("executor", "factors"), [("submitit", [1, 1, 1]), ("local", [1, 2, 4]), (None, [1, 2, 4])]
)
def test_memory_doubles_with_each_attempt_where_the_executor_does_not(executor, factors):
    plugin = None if executor is None else SimpleNamespace(name=executor)
    workflow = SimpleNamespace(executor_plugin=plugin)
    assert [job_requests.memory_factor(workflow, attempt) for attempt in (1, 2, 3)] == factors
