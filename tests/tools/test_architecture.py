"""Imports go one way, and the picture of them is today's."""

from __future__ import annotations

import graphlib
from pathlib import Path

import pytest

from tools import architecture

ROOT = Path(__file__).resolve().parents[2]


def test_every_import_is_allowed():
    assert architecture.problems() == []


def test_the_picture_is_todays():
    text = architecture.PAGE.read_text(encoding="utf-8")
    assert text == architecture.page(text), "run: python tools/architecture.py --write"


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("algos/iql.py", "from paper_tables import frames", "algos must not import paper_tables"),
        ("algos/iql.py", "def f():\n    import pandas", "algos must not import pandas"),
        ("algos/bc.py", "from algos.iql import IQL", "bc may import base, seed_parallel, diffusion"),
        (
            "algos/seed_parallel/x.py",
            "from algos.base import Method",
            "seed_parallel may import no other part",
        ),
        ("paper_tables/frames.py", "import torch", "paper_tables must not import torch"),
        ("paper_tables/scores/x.py", "from recheck import plan", "of recheck, paper_tables may import"),
        ("paper_tables/audit/x.py", "from ..scores import tables", "audit may import documents, task_table"),
        ("workflow/src/recheck/x.py", "import numpy as np", "recheck must not import numpy"),
        (
            "paper_tables/scores/x.py",
            "from recheck.jobs.rates import read_rates",
            "of recheck, paper_tables may",
        ),
        ("workflow/src/recheck/methods/x.py", "from recheck import plan", "methods may import errors,"),
        (
            "workflow/src/recheck/restarts/x.py",
            "from recheck.plan import Plan",
            "restarts may import configuration",
        ),
    ],
)
def test_an_import_that_is_not_allowed_is_found(tmp_path, file, line, said):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    for folder in ("scores", "audit"):
        (tmp_path / "paper_tables" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "paper_tables" / folder / "__init__.py").write_text("")
    planning = tmp_path / "workflow/src/recheck/plan.py"
    planning.parent.mkdir(parents=True, exist_ok=True)
    planning.write_text("")
    found = architecture.problems(tmp_path)
    assert len(found) == 1
    assert said in found[0]
    assert found[0].startswith(f"{file}, line ")


def test_an_annotation_may_name_what_a_program_must_not_import(tmp_path):
    path = tmp_path / "workflow/src/recheck/restarts/x.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "if TYPE_CHECKING:\n    from recheck.plan import Plan\n    from recheck.cost import budget\n"
    )
    found = architecture.problems(tmp_path)
    assert [text.partition(";")[0] for text in found] == [
        "workflow/src/recheck/restarts/x.py, line 3: recheck.restarts.x imports recheck.cost"
    ]


@pytest.mark.parametrize("package", architecture.PARTS)
def test_the_allowed_imports_go_one_way(package):
    """`prepare` refuses a cycle."""
    graphlib.TopologicalSorter(architecture.PARTS[package]).prepare()


def test_no_source_file_is_longer_than_450_lines_and_no_test_file_than_700():
    long = []
    for path in ROOT.rglob("*.py"):
        relative = path.relative_to(ROOT)
        if relative.parts[0].startswith(".") or relative.parts[0] not in (
            "algos",
            "paper_tables",
            "workflow",
            "tools",
            "tests",
        ):
            continue
        limit = 700 if relative.parts[0] == "tests" else 450
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > limit:
            long.append(f"{relative}: {count}")
    assert long == []
