"""Functions of rules: the signature that Snakemake sees, and what they return."""

import inspect

import pytest
from recheck.jobs.rule_functions import PARAMETERS, RuleFunction
from snakemake.common import FUNC_OVERWRITE_PARAMS_ATTR, get_function_params, get_input_function_aux_params


class Requests:
    def minutes(self, wildcards, attempt):
        return 60 * attempt + wildcards["seed"]


def test_snakemake_sees_the_parameters_of_the_function_and_passes_those_alone():
    wrapped = RuleFunction(Requests().minutes)
    assert list(get_function_params(wrapped)) == ["wildcards", "attempt"]
    given = get_input_function_aux_params(wrapped, {"attempt": 2, "threads": 4})
    assert given == {"attempt": 2}
    assert wrapped({"seed": 3}, **given) == 123


def test_the_signature_is_computed_once(monkeypatch):
    wrapped = RuleFunction(lambda wildcards: wildcards)
    assert inspect.signature(wrapped) is wrapped.__signature__
    monkeypatch.setattr(inspect, "signature", lambda function: pytest.fail("computed again"))
    assert list(get_function_params(wrapped)) == ["wildcards"]


def test_snakemake_reads_the_parameters_under_that_name():
    assert FUNC_OVERWRITE_PARAMS_ATTR == PARAMETERS
