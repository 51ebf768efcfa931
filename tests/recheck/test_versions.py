"""Where a result came from: the commit, and whether what makes results differs from it."""

import subprocess

import pytest
from recheck import versions


@pytest.fixture
def checkout(tmp_path):
    """A small repository with one commit."""
    for name in (
        "Snakefile",
        "algos/iql.py",
        "workflow/config/tasks.csv",
        "workflow/profiles/slurm/config.yaml",
        "paper_tables/a.csv",
        "results/README.md",
        "docs/data.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before\n")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "all"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    versions.git_state.cache_clear()
    return tmp_path


def dirty(checkout):
    versions.git_state.cache_clear()
    return versions.git_state(checkout / "algos")["dirty"]


def test_results_that_are_a_link_are_no_change_of_the_program(checkout, tmp_path_factory):
    """As docs/cluster.md advises: git then sees deleted files under results/."""
    assert dirty(checkout) is False
    (checkout / "results/README.md").unlink()
    (checkout / "results").rmdir()
    (checkout / "results").symlink_to(tmp_path_factory.mktemp("scratch"))
    (checkout / "workflow/profiles/slurm/config.yaml").write_text("slurm_account: mine\n")
    (checkout / "docs/data.md").write_text("after\n")
    assert dirty(checkout) is False


@pytest.mark.parametrize(
    "name", ["Snakefile", "algos/iql.py", "workflow/config/tasks.csv", "paper_tables/a.csv"]
)
def test_a_changed_line_of_what_makes_results_is_reported(checkout, name):
    (checkout / name).write_text("after\n")
    assert dirty(checkout) is True


def test_outside_a_checkout_nothing_is_reported(tmp_path):
    versions.git_state.cache_clear()
    assert versions.git_state(tmp_path) == {"commit": None, "dirty": None}
