"""The parts of the code, the imports that are allowed between them, and the picture of both.

    python tools/architecture.py            print every import that is not allowed
    python tools/architecture.py --write    draw the parts and their imports into docs/architecture.md

`tests/tools/test_architecture.py` compares the table below with the code, and the picture with both.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- parts: begin -->", "<!-- parts: end -->"
SOURCES = ("algos", "paper_tables", "workflow/src")

PLUGIN = "snakemake_executor_plugin_submitit"
LOGGER = "snakemake_logger_plugin_stages"
# What no module of a package may import, at the top of a module or in a function.
FORBIDDEN_PACKAGES = {
    "recheck": ("torch", "numpy", "pandas", "snakemake", "algos", "paper_tables", PLUGIN, LOGGER),
    "algos": ("pandas", "snakemake", "paper_tables", PLUGIN, LOGGER),
    "paper_tables": ("torch", "snakemake", "algos", PLUGIN, LOGGER),
    PLUGIN: ("torch", "numpy", "pandas", "recheck", "algos", "paper_tables", LOGGER),
    LOGGER: ("torch", "numpy", "pandas", "recheck", "algos", "paper_tables", PLUGIN),
    "recheck_command": ("algos", "snakemake", PLUGIN, LOGGER),
}
# What a package may take of `recheck`; the others may take all of it.
SHARED = (
    "errors",
    "shipped",
    "files",
    "schema",
    "cli",
    "tasks",
    "former_names",
    "versions",
    "checksums",
    "published_checkpoints",
)
OF_RECHECK = {
    "paper_tables": SHARED,
    "algos": (*SHARED, "paths", "hyperparameters", "progress", "runs", "evaluation_blocks"),
}

METHOD = ("base", "seed_parallel", "diffusion")
# Part -> parts of the same package that it may import. A part is a module or package of the first level; one
# that is not named here is a method file.
PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "algos": {
        "seed_parallel": (),
        "base": ("seed_parallel",),
        "diffusion": ("base", "seed_parallel"),
        "methods": ("base",),
        "envs": (),
        "recollect": ("envs",),
        "datasets": ("recollect", "envs"),
        "fidelity": ("datasets", "envs"),
        "training": ("methods", "base", "datasets", "seed_parallel"),
        "rollouts": ("base", "envs", "datasets", "seed_parallel"),
        "bandit": ("diffusion", "training", "seed_parallel"),
        "train": ("training", "datasets", "seed_parallel"),
        "evaluate": ("rollouts", "training", "datasets", "base", "seed_parallel"),
        "publish_checkpoint": ("evaluate", "training", "datasets", "base"),
        "benchmark": ("rollouts", "envs", "training", "methods", "datasets", "base", "seed_parallel"),
    },
    "paper_tables": {
        "frames": (),
        "config": (),
        "prices": ("config",),
        "literature": ("frames",),
        "documents": ("literature", "frames"),
        "task_table": ("literature", "frames"),
        "rendering": ("frames", "config"),
        "public_runs": ("literature", "frames"),
        "scores": ("task_table", "literature", "public_runs", "frames"),
        "score_files": ("scores", "task_table", "literature", "frames"),
        "statistics": ("scores", "rendering", "frames"),
        "audit": ("documents", "task_table", "literature", "rendering", "frames"),
        "verdicts": (
            "statistics",
            "scores",
            "public_runs",
            "literature",
            "rendering",
            "frames",
            "config",
        ),
        "evidence": (
            "verdicts",
            "statistics",
            "scores",
            "audit",
            "documents",
            "task_table",
            "literature",
            "public_runs",
            "score_files",
            "rendering",
            "frames",
            "config",
        ),
        "user_tables": ("audit", "score_files", "scores", "task_table", "literature", "frames"),
        "tables": (
            "verdicts",
            "statistics",
            "scores",
            "task_table",
            "documents",
            "literature",
            "rendering",
            "frames",
            "prices",
            "config",
        ),
        "figures": (
            "evidence",
            "verdicts",
            "statistics",
            "scores",
            "literature",
            "rendering",
            "frames",
            "prices",
            "config",
        ),
        "publish": ("statistics", "scores", "rendering", "frames", "prices"),
        "report": ("publish", "figures", "statistics", "scores", "rendering", "frames", "prices"),
        "faithfulness": ("verdicts", "scores", "task_table", "rendering", "frames"),
    },
}
# A method file may import another one only where the paper builds on it.
BUILT_ON = {"idql": ("iql",), "edp": ("iql",)}


@dataclass(frozen=True)
class Import:
    """One import of the project's own code or of an outside package."""

    file: str
    line: int
    importer: str
    imported: str


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    found = {}
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            relative = path.relative_to(root / "workflow/src" if source == "workflow/src" else root)
            parts = relative.with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(root: Path = ROOT) -> Iterator[Import]:
    """Every import statement, those in functions too."""
    known = modules(root)
    for name, path in known.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for target in _targets(node, package, known):
                yield Import(str(path.relative_to(root)), node.lineno, name, target)  # type: ignore[attr-defined]


def _targets(node: ast.AST, package: str, known: dict[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*parents, *([node.module] if node.module else [])])
    names = [f"{base}.{alias.name}" for alias in node.names]
    return [name if name in known else base for name in names]


def part_of(module: str) -> tuple[str, str]:
    """Package and part of a module; the part of a package's own file is empty."""
    package, _, rest = module.partition(".")
    return package, rest.partition(".")[0]


def allowed(package: str, importer: str) -> tuple[str, ...]:
    """The parts of its package that a part may import, itself among them."""
    parts = PARTS[package]
    if importer in parts:
        return (*parts[importer], importer)
    return (*METHOD, *BUILT_ON.get(importer, ()), importer)


def problem(found: Import) -> str | None:
    """Why an import is not allowed, in one message; None if it is."""
    (package, importer), (other, imported) = part_of(found.importer), part_of(found.imported)
    where = f"{found.file}, line {found.line}: {found.importer} imports {found.imported}"
    if other in FORBIDDEN_PACKAGES.get(package, ()):
        return f"{where}; {package} must not import {other}."
    if other == "recheck" and package in OF_RECHECK and imported not in OF_RECHECK[package]:
        return f"{where}; of recheck, {package} may import {', '.join(OF_RECHECK[package])}."
    if (
        other == package
        and package in PARTS
        and importer
        and imported not in ("", *allowed(package, importer))
    ):
        return (
            f"{where}; {importer} may import {', '.join(allowed(package, importer)[:-1]) or 'no other part'}."
        )
    return None


def problems(root: Path = ROOT) -> list[str]:
    """Every import that is not allowed."""
    return [text for found in imports(root) if (text := problem(found))]


def picture(root: Path = ROOT) -> str:
    """The parts of each package and the imports between them, as a Mermaid flow chart."""
    arrows: set[tuple[str, str]] = set()
    parts: dict[str, set[str]] = {}
    own = {module.partition(".")[0] for module in modules(root)}
    for found in imports(root):
        (package, importer), (other, imported) = part_of(found.importer), part_of(found.imported)
        if package in PARTS and importer:
            parts.setdefault(package, set()).add(_drawn(package, importer))
        if other not in own:
            continue
        start = _node(package, importer)
        end = _node(other, imported)
        if start != end and start and end:
            arrows.add((start, end))
    lines = ["```mermaid", "flowchart TB"]
    for package in sorted(parts):
        lines.append(f"  subgraph {package}")
        lines += [f'    {package}.{name.replace(" ", "_")}["{name}"]' for name in sorted(parts[package])]
        lines.append("  end")
    lines += ['  recheck["recheck"]', *(f'  {name}["{name}"]' for name in (PLUGIN, LOGGER))]
    # recheck is under everything: one arrow for each package in place of one for each part.
    shown = {(a.partition(".")[0] if b == "recheck" else a, b) for a, b in arrows}
    lines += [f"  {a} --> {b}" for a, b in sorted(shown)]
    return "\n".join([*lines, "```"])


def _drawn(package: str, name: str) -> str:
    return name if name in PARTS[package] else "method files"


def _node(package: str, name: str) -> str:
    if package not in PARTS:
        return package
    return f"{package}.{_drawn(package, name).replace(' ', '_')}" if name else ""


def page(text: str, root: Path = ROOT) -> str:
    """The architecture page with today's picture between its markers."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{picture(root)}\n{END}{after}"


def main() -> int:
    """Print what is not allowed, or draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="draw the picture into docs/architecture.md")
    if parser.parse_args().write:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    found = problems()
    print("\n".join(found) or "Every import is allowed.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
