"""Values of a profile that YAML reads as something else than what is written."""

from pathlib import Path
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.errors import SubmititError
from snakemake_executor_plugin_submitit.profiles import check_profiles, misread_values, profile_files

ROOT = Path(__file__).parents[2]


def messages(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return list(misread_values(path))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("slurm_account: 0123", 'slurm_account: 0123 as 83. Write it in quotes: slurm_account: "0123".'),
        ("slurm_account: 42", "slurm_account: 42 as 42. Write it in quotes"),
        ("slurm_partition: 0x1F", "slurm_partition: 0x1F as 31"),
        ("slurm_partition: 1.50", "slurm_partition: 1.50 as 1.5"),
        ("qos: no", "qos: no as False"),
        ("qos: 1_000", "qos: 1_000 as 1000"),
        ("constraint: 12:30", "constraint: 12:30 as 750"),
        ("gpu_model: 2024-01-01", "gpu_model: 2024-01-01 as datetime.date(2024, 1, 1)"),
        ("runtime: 12:30:00", "runtime: 12:30:00 as 45000. Write the time limit in minutes"),
        ("runtime: 0100", "runtime: 0100 as 64. Write the time limit in minutes"),
        ("mem_mb: 010000", "mem_mb: 010000 as 4096. Write a plain decimal number without a leading zero"),
        ("cpus_per_task: 0b11", "cpus_per_task: 0b11 as 3"),
        ("mem_mb: -0x1F", "mem_mb: -0x1F as -31"),
    ],
)
def test_what_is_refused(line: str, expected: str, tmp_path: Path) -> None:
    (message,) = messages(tmp_path, f"default-resources:\n  tmpdir: x\n  {line}\n")
    assert message.startswith(f"{tmp_path}/config.yaml, line 3: YAML reads default-resources.{expected}")
    (message,) = messages(tmp_path, f"set-resources:\n  train:\n    {line}\n")
    assert "line 3: YAML reads set-resources.train." in message


def test_settings_of_the_plugin_and_of_snakemake_too(tmp_path: Path) -> None:
    text = "jobs: 0500\nlatency-wait: 1:00\nsubmitit-poll-interval: 010\nset-threads:\n  train: 010\n"
    found = messages(tmp_path, text)
    assert [message.split("YAML reads ")[1].split(". ")[0] for message in found] == [
        "jobs: 0500 as 320",
        "latency-wait: 1:00 as 60",
        "submitit-poll-interval: 010 as 8",
        "set-threads.train: 010 as 8",
    ]


@pytest.mark.parametrize(
    "line",
    [
        'slurm_account: "0123"',
        "slurm_account: '0123'",
        "slurm_account: lab-7",
        "slurm_partition: \"'all'\"",
        "qos: 'no'",
        "runtime: 750",
        "runtime: 12h",
        'runtime: "12:30:00"',  # text; Snakemake itself refuses or reads it
        "mem_mb: 4000",
        "mem_mb: 4_000",
        "mem_mb: 4e3",
        "mem_mb: 1.5",
        "gpu: 0",
        "mem_mb: min(2 * input.size_mb, 8000)",
    ],
)
def test_what_is_read_as_it_is_written(line: str, tmp_path: Path) -> None:
    assert messages(tmp_path, f"keep-going: no\nreport: ~\ndefault-resources:\n  {line}\n") == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("workflow/profiles/*/config.yaml")), ids=str)
def test_the_profiles_of_this_repository(path: Path) -> None:
    assert list(misread_values(path)) == []


def test_which_profiles_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Snakemake: all of --profile, or $SNAKEMAKE_PROFILE, and the workflow's profile."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    for name in ("one", "two", "profiles/default", "profiles/other", "elsewhere/profiles/default"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("cores: 1\n")

    def found(*arguments: str) -> list[str]:
        return [str(path) for path in profile_files(arguments)]

    default = "profiles/default/config.yaml"
    cwd = str(tmp_path)
    assert [path.removeprefix(f"{cwd}/") for path in found()] == [default]
    assert [path.removeprefix(f"{cwd}/") for path in found("--profile", "one", "--profile=two", "-n")] == [
        f"{cwd}/one/config.yaml".removeprefix(f"{cwd}/"),
        "two/config.yaml",
        default,
    ]
    assert found("--workflow-profile", "none") == []
    assert found("--workflow-profile", "profiles/other")[0].endswith("profiles/other/config.yaml")
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "two")
    assert [path.removeprefix(f"{cwd}/") for path in found("--profile", "none")] == [default]
    assert len(found()) == 2
    monkeypatch.delenv("SNAKEMAKE_PROFILE")
    (tmp_path / "profiles/default/config.yaml").unlink()
    (tmp_path / "profiles/default").rmdir()
    assert found("-s", "elsewhere/Snakefile")[0].endswith("elsewhere/profiles/default/config.yaml")


def test_the_first_profile_with_a_misread_value_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    (tmp_path / "slurm.yaml").write_text("default-resources:\n  slurm_account: 0123\n  runtime: 1:30:00\n")
    with pytest.raises(SubmititError) as caught:
        check_profiles(["--profile", "slurm.yaml"])
    assert len(str(caught.value).splitlines()) == 2
    check_profiles(["--profile", "none"])


def test_snakemake_refuses_such_a_profile_before_any_job(workflow: Any, fake_slurm: Any) -> None:
    workflow.write('rule train:\n    output: "policy"\n    shell: "touch {output}"\n')
    (workflow.folder / "site").mkdir()
    (workflow.folder / "site/config.yaml").write_text("default-resources:\n  slurm_account: 0123\n")
    options = workflow.options
    at = options.index("--default-resources")
    workflow.options = options[:at] + options[at + 2 :]
    code, output = workflow.run("--profile", "site")
    assert code != 0
    assert "line 2: YAML reads default-resources.slurm_account: 0123 as 83. Write it in quotes" in output
    assert "Traceback" not in output
    assert not fake_slurm.jobs()
    (workflow.folder / "site/config.yaml").write_text('default-resources:\n  slurm_account: "0123"\n')
    code, output = workflow.run("--profile", "site")
    assert code == 0, output
    assert [job["options"]["account"] for job in fake_slurm.jobs().values()] == ["0123"]
