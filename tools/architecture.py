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

from recheck import files

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- parts: begin -->", "<!-- parts: end -->"
SOURCES = ("algos", "paper_tables", "workflow/src")

PLUGIN = "snakemake_executor_plugin_submitit"
LOGGER = "snakemake_logger_plugin_stages"
# What no module of a package may import, at the top of a module or in a function.
COMMAND = "recheck_command"
FORBIDDEN_PACKAGES = {
    "recheck": (
        "torch",
        "numpy",
        "pandas",
        "snakemake",
        "algos",
        "paper_tables",
        COMMAND,
        PLUGIN,
        LOGGER,
    ),
    "algos": ("pandas", "snakemake", "paper_tables", COMMAND, PLUGIN, LOGGER),
    "paper_tables": ("torch", "snakemake", "algos", COMMAND, PLUGIN, LOGGER),
    PLUGIN: ("torch", "numpy", "pandas", "recheck", "algos", "paper_tables", COMMAND, LOGGER),
    LOGGER: ("torch", "numpy", "pandas", "recheck", "algos", "paper_tables", COMMAND, PLUGIN),
    COMMAND: ("algos", "snakemake", PLUGIN, LOGGER),
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
    "words",
    "checksums",
    "results.published_checkpoints",
)
OF_RECHECK = {
    # Whether a run has its method's own length is what the method's file says.
    "paper_tables": (*SHARED, "methods.hyperparameters"),
    "algos": (
        *SHARED,
        "paths",
        "progress",
        "methods.hyperparameters",
        "experiments.runs",
        "jobs.evaluation_blocks",
    ),
}

# The modules at the front of `recheck`, which are under all its folders, and which of them each may import.
FRONT = {
    "errors": (),
    "former_names": (),
    "shipped": (),
    "paths": (),
    "progress": (),
    "versions": (),
    "words": (),
    "cli": ("errors",),
    "files": ("errors",),
    "checksums": ("errors", "files"),
    "schema": ("errors", "former_names"),
    "tasks": ("errors", "paths", "schema", "shipped"),
    "records": ("errors", "files", "checksums", "cli"),
}

METHOD = ("base", "seed_parallel", "diffusion")
# Part -> parts of the same package that it may import. A part is a module or package of the first level; one
# that is not named here is a method file.
PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "recheck": {
        **FRONT,
        "methods": (*FRONT,),
        "experiments": ("methods", *FRONT),
        "configuration": ("experiments", "methods", *FRONT),
        "restarts": ("configuration", "experiments", *FRONT),
        "plan": ("restarts", "configuration", "experiments", *FRONT),
        "cluster": ("plan", "configuration", *FRONT),
        "results": ("plan", "restarts", "experiments", *FRONT),
        "jobs": ("results", "plan", "configuration", "experiments", "methods", *FRONT),
        "cost": ("jobs", "plan", "experiments", *FRONT),
    },
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
# What a part may import of its package under `if TYPE_CHECKING` only.
ANNOTATED_WITH = {"restarts": ("plan",)}
# The modules at the front of `recheck`, in the picture.
FRONT_NODE = "recheck.front"
# A method file may import another one only where the paper builds on it.
BUILT_ON = {"idql": ("iql",), "edp": ("iql",)}


@dataclass(frozen=True)
class Import:
    """One import of the project's own code or of an outside package.

    Attributes:
        file: from the repository's root.
        line: in the file, from 1.
        importer: the module that imports.
        imported: the module or package that is imported.
        annotation: whether it is under `if TYPE_CHECKING`, so that no running program imports it.
    """

    file: str
    line: int
    importer: str
    imported: str
    annotation: bool = False


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
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for_types = _for_types(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                file, annotation = str(path.relative_to(root)), node in for_types
                for target in _targets(node, package, known):
                    yield Import(file, node.lineno, name, target, annotation)


def _for_types(tree: ast.Module) -> set[ast.AST]:
    """Every node under an `if TYPE_CHECKING`."""
    tests = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in _name(node.test)
    ]
    return {inner for node in tests for statement in node.body for inner in ast.walk(statement)}


def _name(test: ast.expr) -> str:
    return test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""


def _targets(node: ast.Import | ast.ImportFrom, package: str, known: dict[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
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
    if other == "recheck" and package in OF_RECHECK and _within_recheck(found) not in OF_RECHECK[package]:
        return f"{where}; of recheck, {package} may import {', '.join(OF_RECHECK[package])}."
    if other != package or package not in PARTS or not importer:
        return None
    if found.annotation and imported in ANNOTATED_WITH.get(importer, ()):
        return None
    others = allowed(package, importer)
    if imported in ("", *others):
        return None
    return f"{where}; {importer} may import {', '.join(others[:-1]) or 'no other part'}."


def _within_recheck(found: Import) -> str:
    return found.imported.partition(".")[2]


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
        if found.annotation:
            continue
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
    lines += [f'  {name}["{name}"]' for name in (PLUGIN, LOGGER)]
    shown = {_short_arrow(a, b) for a, b in arrows}
    lines += [f"  {a} --> {b}" for a, b in sorted(filter(None, shown))]
    return "\n".join([*lines, "```"])


def _short_arrow(start: str, end: str) -> tuple[str, str] | None:
    """What is under everything has one arrow for each package that uses it, or none.

    recheck is under the other packages, and the modules at its front are under its folders.
    """
    package = start.partition(".")[0]
    if package == "recheck":
        return None if end == FRONT_NODE else (start, end)
    return (package, "recheck") if end.startswith("recheck.") else (start, end)


def _drawn(package: str, name: str) -> str:
    if package == "recheck" and name in FRONT:
        return "front"
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
        files.write_text(PAGE, page(PAGE.read_text(encoding="utf-8")))
        return 0
    found = problems()
    print("\n".join(found) or "Every import is allowed.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
