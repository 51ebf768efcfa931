"""Every layout with a user's methods in it compiles at a text width of 5.5 inches, and nothing is wider."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from recheck_command import actions

from paper_tables.rendering import table as table_module
from paper_tables.tables.layout_files import combined_layout_names, layout_names

TASKS = [
    f"{body}-{kind}-v2"
    for body in ("halfcheetah", "hopper", "walker2d")
    for kind in ("medium", "medium-replay", "medium-expert")
]
METHODS = ("IQL", "My_Method & 100% #1 {x} with quite a long name", "Diffusion-QL")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_all_layouts_with_own_methods_compile_and_fit(tmp_path: Path):
    rng = np.random.default_rng(0)
    runs = [(method, task, seed) for method in METHODS for task in TASKS for seed in range(5)]
    rows = [f"{method},{task},{seed},{rng.normal(60, 2)}" for method, task, seed in runs]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    names = [*layout_names(), *combined_layout_names()]
    actions.table(tmp_path / "s.csv", like=names, output=tmp_path / "out")
    written = [tmp_path / "out" / f"{name}.tex" for name in [*names, "verdict_summary"]]
    whole = "\n\\clearpage\\noindent\n".join(path.read_text(encoding="utf-8") for path in written)
    (tmp_path / "all.tex").write_text(table_module.document(whole), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace")
    wide = [float(points) for points in re.findall(r"Overfull .[hv]box \(([0-9.]+)pt", log)]
    assert all(points <= 5 for points in wide), wide


def test_letters_that_pdflatex_has_not_are_named(tmp_path: Path):
    rows = [f"{{}},hopper-medium-v2,{seed},{60 + seed}" for seed in range(3)]
    for name, named in (("β-方法", True), ("Müller – x", False)):
        text = "\n".join(["method,task,seed,score", *rows]).replace("{}", name)
        (tmp_path / "s.csv").write_text(text, encoding="utf-8")
        latex = actions.table(tmp_path / "s.csv", format="latex").text
        assert ("compile with xelatex" in latex) is named
