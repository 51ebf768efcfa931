"""What a method's class declares, read from its source file.

Planning imports neither torch nor a method. So a hyperparameter file and its class are compared by the
class's text, before any work starts; what the text does not show is left to the class itself.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from recheck import schema
from recheck.errors import ConfigError

NAMES = "HYPERPARAMETERS"
WHOLE_UPDATE = "COMPILES_WHOLE_UPDATE"


@dataclass(frozen=True)
class Declared:
    """What the text of a class shows.

    Attributes:
        name: of the method; None where it is not written out.
        format_version: the same.
        hyperparameters: names that the class needs a value for.
        complete: whether these are all: no part of them is computed.
        compiles_whole_update: False where the class says that it cannot.
    """

    name: str | None
    format_version: int | None
    hyperparameters: frozenset[str]
    complete: bool
    compiles_whole_update: bool = True


@cache
def read(root: Path, path: str, where: str) -> Declared | None:
    """The declarations of the class at `path`, as ``algos.bc:BC``.

    Returns:
        None where the class is not in the repository's own packages.

    Raises:
        ConfigError: the package is here, but not the module or the class.
    """
    module, class_name = path.split(":")
    file = _file(root, module)
    if file is None:
        if not (root / module.split(".")[0]).is_dir():
            return None
        raise ConfigError(f"{where}: class is '{path}', but there is no module '{module}'.")
    found = _class(file, class_name)
    if found is None:
        raise ConfigError(f"{where}: class is '{path}', but {module} has no class of that name.")
    values = _assigned(found)
    names = list(_keys(root, file, class_name, NAMES))
    return Declared(
        name=_literal(values.get("name")),
        format_version=_literal(values.get("format_version")),
        hyperparameters=frozenset(name for name in names if name is not None),
        complete=bool(names) and None not in names,
        compiles_whole_update=_literal(values.get(WHOLE_UPDATE)) is not False,
    )


def check(declared: Declared, name: str, format_version: int, where: str) -> None:
    """Compare the head of a hyperparameter file with its class.

    Raises:
        ConfigError: another name or format version.
    """
    for key, ours, theirs in (
        ("method", name, declared.name),
        ("format_version", format_version, declared.format_version),
    ):
        if theirs is not None and ours != theirs:
            raise ConfigError(
                f"{where}: {key} is {ours!r}, but its class has {theirs!r}; they have to agree."
            )


def check_names(declared: Declared, names: set[str], where: str) -> None:
    """Compare the names of a run's values with those of the class.

    Raises:
        ConfigError: a hyperparameter without a value, or a value that is none of the class's hyperparameters.
    """
    missing = sorted(declared.hyperparameters - names)
    if missing:
        raise ConfigError(f"{where} gives no value for {schema.listed(missing)}, which its class needs.")
    unknown = sorted(names - declared.hyperparameters)
    if declared.complete and unknown:
        raise ConfigError(
            f"{where} gives {schema.listed(unknown)}, which its class does not have; known are "
            f"{schema.listed(sorted(declared.hyperparameters))}."
        )


# --- Reading the source ---


def _file(root: Path, module: str) -> Path | None:
    stem = root.joinpath(*module.split("."))
    files = (stem.with_suffix(".py"), stem / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@cache
def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise ConfigError(f"{file}, line {error.lineno}: {error.msg}.") from None


def _class(file: Path, name: str) -> ast.ClassDef | None:
    classes = (node for node in _tree(file).body if isinstance(node, ast.ClassDef))
    return next((node for node in classes if node.name == name), None)


def _assigned(node: ast.ClassDef) -> dict[str, ast.expr]:
    """What the class's body assigns, by name."""
    values = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            values[statement.targets[0].id] = statement.value
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value
        ):
            values[statement.target.id] = statement.value
    return values


def _literal(value: ast.expr | None) -> Any:
    return value.value if isinstance(value, ast.Constant) else None


def _keys(root: Path, file: Path, class_name: str, attribute: str) -> Iterator[str | None]:
    """The keys of a class's dictionary, those of another class's that it takes in among them.

    A None stands for what the text does not show.
    """
    node = _class(file, class_name)
    value = _assigned(node).get(attribute) if node else None
    if not isinstance(value, ast.Dict):
        yield None
        return
    for key, taken in zip(value.keys, value.values):
        if key is not None:
            yield _literal(key)
        elif isinstance(taken, ast.Attribute) and isinstance(taken.value, ast.Name):
            source = _origin(root, file, taken.value.id)
            if source is None:
                yield None
            else:
                yield from _keys(root, *source, taken.attr)
        else:
            yield None


def _origin(root: Path, file: Path, class_name: str) -> tuple[Path, str] | None:
    """File and name of a class that `file` defines or imports by name."""
    if _class(file, class_name):
        return file, class_name
    for node in _tree(file).body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == class_name:
                    source = _file(root, node.module)
                    return (source, alias.name) if source else None
    return None
