"""The settings, as Snakemake makes them."""

from typing import Any

import pytest
from snakemake_executor_plugin_submitit.settings import CLUSTERS, ExecutorSettings, parse_boolean
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry


def settings_of(**words: str) -> Any:
    """Settings as Snakemake makes them from words of the command line or a profile."""
    import argparse

    plugin = ExecutorPluginRegistry().get_plugin("submitit")
    parser = argparse.ArgumentParser()
    plugin.register_cli_args(parser, "executor")
    line = [f"--submitit-{name.replace('_', '-')}={value}" for name, value in words.items()]
    return plugin.get_settings(parser.parse_args(line))


def test_every_setting_has_a_help_text_and_a_name() -> None:
    infos = {
        info["cliarg"]: info["help"]
        for info in ExecutorPluginRegistry().get_plugin("submitit").get_settings_info()
    }
    assert set(infos) == {
        f"--submitit-{name}"
        for name in (
            *(
                "folder",
                "cluster",
                "array-limit",
                "poll-interval",
                "max-requeues",
                "requeue",
                "signal-seconds",
            ),
            "job-prefix",
        )
    }
    assert all(len(text) > 40 for text in infos.values())
    assert CLUSTERS == ("slurm", "local", "debug")


def test_settings_are_parsed_by_us() -> None:
    assert settings_of() == ExecutorSettings()
    made = settings_of(requeue="false", array_limit="7", cluster="Local", folder="x y")
    assert (made.requeue, made.array_limit, made.cluster, made.folder) == (False, 7, "local", "x y")
    assert parse_boolean("True") is True
    assert parse_boolean(" off ") is False


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("requeue", "perhaps", "not a boolean"),
        ("array_limit", "0", "at least 1"),
        ("poll_interval", "often", "whole number"),
        ("max_requeues", "-1", "at least 0"),
        ("cluster", "pbs", "one of slurm, local, debug"),
    ],
)
def test_wrong_settings_are_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(WorkflowError, match=message):
        settings_of(**{name: value})
