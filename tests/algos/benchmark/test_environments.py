"""What the measurement of environments measures."""

from pathlib import Path

from algos.benchmark import environments

REPOSITORY = Path(__file__).resolve().parents[3]


def test_each_kind_is_there_once_and_can_be_chosen():
    every = environments.kinds(REPOSITORY)
    assert len({(task["environment_id"], task["adapter"]) for task in every}) == len(every) > 20
    chosen = environments.kinds(REPOSITORY, ["Kitchen"])
    assert chosen
    assert all("Kitchen" in task["environment_id"] for task in chosen)


def test_a_measurement_in_a_process_of_its_own(monkeypatch):
    (task,) = environments.kinds(REPOSITORY, ["Hopper-v4"])
    found = environments.measure_apart(task)
    assert found["environment_id"] == "Hopper-v4"
    assert 0.1 < found["memory_mb"] < 20
    assert found["process_mb"] > 50
    assert 0 < found["step_seconds"] < 0.1


def test_an_environment_that_no_task_has_is_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(REPOSITORY)
    assert environments.main(["--only", "Nowhere", "--output", str(tmp_path / "x.json")]) == 2
    assert "no environment of tasks.csv has 'Nowhere' in its id" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
