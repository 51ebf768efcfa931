"""Every table of the evidence compiles as LaTeX at a conference's text width, and nothing is wider."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from paper_tables.evidence import __main__ as command
from paper_tables.evidence.judgement import Inputs
from paper_tables.rendering import table as table_module


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_all_tables_compile_and_fit(tmp_path):
    command.write_all(Inputs.read(), tmp_path / "tables", None)
    written = sorted((tmp_path / "tables").rglob("*.tex"))
    assert len(written) > 40
    whole = "\n\\clearpage\\noindent\n".join(path.read_text(encoding="utf-8") for path in written)
    (tmp_path / "all.tex").write_text(table_module.document(whole), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace")
    too_wide = [float(points) for points in re.findall(r"Overfull .[hv]box \(([0-9.]+)pt", log)]
    assert all(points <= 5 for points in too_wide)
    pages = re.search(r"Output written on all.pdf \((\d+) pages", log)
    assert pages
    assert int(pages[1]) >= len(written)
