"""Folders of logs: TensorBoard events, d3rlpy's and CORL's folders, and any folder of tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from recheck.errors import TablesError
from recheck.words import ended, first_of, how_many

from paper_tables.score_files.columns import NAMES, plain
from paper_tables.score_files.json_rows import flat, read_json_lines
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records, records_of
from paper_tables.score_files.run_names import parse
from paper_tables.score_files.sources import read_parquet, read_text, suffix_of

EVENTS = "events.out.tfevents"
# Files that d3rlpy writes for a metric of an environment: epoch, step, value, without a header.
D3RLPY_METRICS = ("environment.csv", "evaluation.csv", "test_environment.csv")
CONFIGS = ("config.yaml", "config.yml", "config.json", "params.json")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_folder(path: Path, options: ScoreOptions) -> list[Records]:
    """The records of every run in a folder.

    Raises:
        TablesError: there is none, or a file cannot be used.
    """
    if any(path.rglob(f"*{EVENTS}*")):
        return [_tensorboard(path, options)]
    found = [*_d3rlpy(path, options), *_runs(path, options)]
    if not found:
        raise TablesError(
            f"{path} holds no scores: no TensorBoard events, no d3rlpy or CORL logs, and no "
            f"{', '.join(TABLES)} file.{_unread(path)}"
        )
    return found


def _unread(root: Path) -> str:
    """What to do with files of a logger that are here and are not read."""
    if any(root.rglob("*.wandb")):
        return " Its .wandb files are W&B's own format: upload them (wandb sync) and export the runs as CSV."
    if any(file for ending in ("*.pt", "*.pth", "*.ckpt") for file in root.rglob(ending)):
        return " Its checkpoints hold weights and no scores: export the runs' evaluations as CSV."
    return ""


def _relative(file: Path, root: Path) -> str:
    """The path of a run's folder below the folder that was given, which names the run."""
    text = file.relative_to(root).as_posix()
    return root.name if text == "." else text


def _tensorboard(root: Path, options: ScoreOptions) -> Records:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise TablesError(
            f"{root} holds TensorBoard events, and tensorboard is not installed: pip install tensorboard."
        ) from None
    rows: list[dict[str, Any]] = []
    tags: set[str] = set()
    used = options.columns.get("score") or options.columns.get("return")
    unit = "return" if "return" in options.columns else "score"
    without: list[str] = []
    for folder in sorted({file.parent for file in root.rglob(f"*{EVENTS}*")}):
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        names = list(events.Tags()["scalars"]) + list(events.Tags().get("tensors", []))
        tags |= set(names)
        if used is None and (found := _metric(names, str(folder))):
            used, unit = found
        if used is None or used not in names:
            without.append(_relative(folder, root))
            continue
        if used in events.Tags()["scalars"]:
            values = [(event.step, event.value) for event in events.Scalars(used)]
        else:
            from tensorboard.util.tensor_util import make_ndarray

            values = [(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(used)]
        rows += [
            {"run": _relative(folder, root), "step": float(step), "value": float(value)}
            for step, value in values
        ]
    if used is None:
        raise _no_metric(sorted(tags), str(root))
    if not rows:
        raise TablesError(
            f"{root}: no run has the metric '{used}'; there are {', '.join(sorted(tags)) or 'none'}."
        )
    unused = sorted(tags - {used})
    messages = [f"TensorBoard events, metric '{used}'."]
    if unused:
        messages.append(f"{len(unused)} metrics not used: {', '.join(unused[:8])}.")
    if without:
        listed = first_of(list(map(repr, without)), 4)
        messages.append(f"{how_many(len(without), 'folder')} without this metric, not used: {listed}.")
    return _as_records(pd.DataFrame(rows), unit, root, messages)


def _metric(names: list[str], where: str) -> tuple[str, str] | None:
    """The metric that is a score or a return by its name, and which; None where none is."""
    for unit in ("score", "return"):
        found = [name for name in names if plain(name) in NAMES[unit] and plain(name) != "value"]
        if len(found) > 1:
            raise TablesError(
                f"{where}: {' and '.join(repr(name) for name in found)} could each be the {unit}; give "
                f"columns={unit}:{found[0]}."
            )
        if found:
            return found[0], unit
    return None


def _no_metric(names: list[str], where: str) -> TablesError:
    example = f" Give columns=score:{names[0]} if it is one." if names else ""
    listed = ", ".join(names[:20]) or "none"
    return TablesError(f"{where} has no metric that is a score by its name; it has {listed}.{example}")


def _as_records(table: pd.DataFrame, unit: str, path: Path, messages: list[str]) -> Records:
    table = table.reset_index(drop=True)
    wrong = table[~table["value"].abs().lt(float("inf"))]
    if len(wrong):
        row = wrong.iloc[0]
        raise TablesError(
            f"{path}: the run '{row['run']}' has the value {row['value']} at step {row['step']}."
        )
    return Records.of_table(table, unit, path, messages)


def _d3rlpy(root: Path, options: ScoreOptions) -> Iterator[Records]:
    """Runs of d3rlpy: a folder with params.json and one headerless CSV per metric."""
    parts: dict[Path, pd.DataFrame] = {}
    for name in D3RLPY_METRICS:
        for file in sorted(root.rglob(name)):
            if file.parent not in parts and _is_d3rlpy(file):
                parts[file.parent] = _metric_of_d3rlpy(file)
    if not parts:
        return
    rows = []
    for folder, table in parts.items():
        params, run = _config(folder), _relative(folder, root)
        rows.append(
            table.assign(
                run=run,
                method=parse(run, options.version).method or _method_of(params, "", options),
                seed=_first(params, ("seed",)),
                task=_first(params, ("env", "dataset", "env_name", "task")),
                line=range(1, len(table) + 1),
            )
        )
    yield _as_records(
        pd.concat(rows, ignore_index=True).drop(columns="epoch"),
        "return",
        root,
        [
            f"d3rlpy's logs: {len(parts)} runs, raw returns of the environment.",
            "The method is read from the folder of the run, or its configuration.",
        ],
    )


def _metric_of_d3rlpy(file: Path) -> pd.DataFrame:
    """The columns epoch, step and value of one metric."""
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        cells = line.split(",")
        if len(cells) != 3 or not all(_is_number(cell) for cell in cells):
            raise TablesError(
                f"{file}, line {number}: '{line[:60]}' is not epoch, step and value, as d3rlpy writes them."
            )
        rows.append([float(cell) for cell in cells])
    return pd.DataFrame(rows, columns=["epoch", "step", "value"])


def _runs(root: Path, options: ScoreOptions) -> Iterator[Records]:
    """Folders with a configuration and a table (CORL, Weights & Biases offline), and any other tables."""
    files = [
        file
        for file in sorted(root.rglob("*"))
        if file.is_file() and suffix_of(file) in TABLES and not _is_d3rlpy(file)
    ]
    for file in files:
        config = _config(file.parent)
        rows = (
            read_parquet(file)
            if suffix_of(file) == ".parquet"
            else read_json_lines(file)
            if suffix_of(file) in (".jsonl", ".ndjson")
            else read_text(file, options.delimiter)
        )
        run = _run_of(config, _relative(file.with_suffix(""), root), options)
        found = records_of(rows, options, run)
        yield _with_config(found, config, options)
    for file in sorted(root.rglob("wandb-summary.json")):
        yield _summary(file, root, options)


def _is_d3rlpy(file: Path) -> bool:
    """Whether a file is one of d3rlpy's headerless metrics: epoch, step, value."""
    if file.suffix != ".csv" or not (file.parent / "params.json").is_file():
        return False
    with file.open(encoding="utf-8", errors="replace") as stream:
        first = stream.readline().split(",")
    return len(first) == 3 and all(_is_number(cell) for cell in first)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _config(folder: Path) -> dict[str, str]:
    """The configuration next to a log, flat; W&B's `{key: {value: ...}}` too."""
    import yaml

    for name in CONFIGS:
        path = folder / name
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
            content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise TablesError(f"{path} cannot be read: {ended(error)}") from None
        if isinstance(content, Mapping):
            return {key.removesuffix("/value"): value for key, value in flat(content).items()}
    return {}


def _first(config: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((str(config[key]) for key in keys if config.get(key)), "")


def _run_of(config: Mapping[str, str], folder: str, options: ScoreOptions) -> str:
    """The name of a run: that of the configuration where it has a task, else its folder."""
    title = _first(config, ("name", "run_name", "group"))
    return title if title and parse(title, options.version).task else folder


def _method_of(config: Mapping[str, str], run: str, options: ScoreOptions) -> str:
    """The method of a run: as configured, else that of its name; CORL calls a run by its method."""
    stated = _first(config, ("algorithm", "algo", "method", "agent"))
    return stated or parse(run, options.version).method or _first(config, ("name", "config/type"))


def _with_config(found: Records, config: Mapping[str, str], options: ScoreOptions) -> Records:
    """Fill task, seed and method from the configuration where the table has none."""
    runs = found.keys["run"].unique()
    values = {
        "task": _first(config, ("env", "env_name", "dataset", "task", "env_id")),
        "seed": _first(config, ("seed", "train_seed")),
        "method": _method_of(config, runs[0], options) if len(runs) == 1 else "",
    }
    filled = [role for role, value in values.items() if value and found.is_absent(role)]
    for role in filled:
        found.keys[role] = values[role]
    if filled:
        found.messages.append(f"From the configuration or folder of each run: {', '.join(filled)}.")
    return found


def _summary(file: Path, root: Path, options: ScoreOptions) -> Records:
    """The last values of a run of Weights & Biases."""
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TablesError(f"{file} cannot be read: {ended(error)}") from None
    content = flat(summary if isinstance(summary, Mapping) else {})
    names = [name for name, value in content.items() if _is_number(value)]
    found = _metric(names, str(file))
    if found is None:
        raise _no_metric(names, str(file))
    metric, unit = found
    step = float(content.get("_step") or "nan")
    config = _config(file.parent)
    run = _run_of(config, _relative(file.parent, root), options)
    table = pd.DataFrame([{"run": run, "step": step, "value": float(content[metric])}])
    message = f"Last values of runs of Weights & Biases, metric '{metric}'."
    return _with_config(_as_records(table, unit, file, [message]), config, options)
