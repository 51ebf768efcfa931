"""recheck: check scores, write and audit tables, plan experiments; without training and without torch.

    recheck check SCORES                 what is in a file of scores, with intervals
    recheck table SCORES --like NAME     a paper's table with your methods, and verdicts
    recheck report SCORES --output DIR   all tables, figures and verdicts
    recheck audit TABLE                  a table copied out of a paper against the reported numbers
    recheck power --margin M --seed-sd S seeds and episodes that a verdict needs
    recheck evidence METHOD TASK         all that is reported of a method on a task
    recheck diff OLD NEW                 which verdicts moved between two tables of evidence, and why
    recheck merge OTHER                  the runs of another cluster, without training
    recheck crate FOLDER                 RO-Crate metadata of a folder of results, for a deposit
    recheck doctor                       what can run here, and what cannot and why

`recheck WORD --help` says more of each. SCORES is CSV, TSV, Parquet, JSON lines, rliable's arrays, or a
folder of TensorBoard, d3rlpy or CORL logs. What is guessed is printed on standard error; a mistake is one
message and status 2; an audit with findings has status 1.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from recheck import cli

from paper_tables.score_files.arguments import add_options
from recheck_command import actions, manual

STATED = ("columns", "unit", "select", "version", "method", "task", "tasks", "delimiter")


def path(text: str) -> Path:
    """A path of the command line; that of an unset variable of a shell is not the working folder.

    Raises:
        ArgumentTypeError: the text is empty, or the system does not take it for a path.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty; give a file or a folder")
    try:
        Path(text).exists()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text[:80]} cannot be looked for: {error.strerror}") from None
    return Path(text)


def parser() -> argparse.ArgumentParser:
    """The command line of all words."""
    top = argparse.ArgumentParser(
        prog="recheck", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = top.add_subparsers(dest="word", required=True, metavar="WORD")

    def word(name: str, action: Callable[..., actions.Answer]) -> argparse.ArgumentParser:
        text = inspect.getdoc(action) or ""
        added = words.add_parser(
            name,
            help=text.split("\n")[0],
            description=text.split("\nArgs:")[0],
            epilog=manual.PAGES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(action=action)
        return added

    check = word("check", actions.check)
    check.add_argument("scores", type=path, help="file or folder")
    check.add_argument(
        "--output", type=path, metavar="DIR", help="also write the scores here, for the other commands"
    )
    add_options(check)
    table = word("table", actions.table)
    table.add_argument("scores", type=path, nargs="?", help="file or folder; none for the paper's own table")
    table.add_argument(
        "--like", action="append", required=True, metavar="LAYOUT", help="layout, by name or path; repeatable"
    )
    table.add_argument("--format", choices=actions.FORMATS, default="markdown")
    table.add_argument(
        "--output", type=path, metavar="DIR", help="folder: all formats, cells and verdicts are written there"
    )
    add_options(table)
    report = word("report", actions.report)
    report.add_argument("scores", type=path, help="file or folder")
    report.add_argument(
        "--output", type=path, required=True, metavar="DIR", help="folder of all tables and figures"
    )
    add_options(report)
    audit = word("audit", actions.audit)
    audit.add_argument("table", type=path, help="CSV, Markdown or LaTeX")
    audit.add_argument("--version", help="version of tasks whose names have none: v2, or v2,antmaze:v0")
    audit.add_argument("--seeds", type=int, help="training seeds of the numbers")
    audit.add_argument("--select", choices=("last", "best"), help="checkpoint of each run that it reports")
    power = word("power", actions.power)
    power.add_argument("--margin", type=float, required=True, help="points of the normalised score")
    power.add_argument(
        "--seed-sd", type=float, required=True, help="standard deviation between seeds, points"
    )
    power.add_argument("--episode-sd", type=float, default=0.0, help="between episodes of one policy, points")
    power.add_argument("--episodes", type=int, default=10, help="of each seed")
    power.add_argument(
        "--reported-seeds", type=int, help="of the reported number; as many as yours if left out"
    )
    power.add_argument("--chance", type=float, default=0.80, help="wanted chance of 'reproduced'")
    evidence = word("evidence", actions.evidence)
    evidence.add_argument("method")
    evidence.add_argument("task")
    evidence.add_argument("--version", help="version where the task's name has none: v2")
    diff = word("diff", actions.diff)
    diff.add_argument("old", type=path, help="folder with evidence.csv, or the file")
    diff.add_argument("new", type=path, help="likewise")
    merge = word("merge", actions.merge)
    merge.add_argument("other", type=path, help="results folder of another clone or cluster")
    merge.add_argument(
        "--root", type=path, metavar="DIR", default=Path(), help="folder of the repository that takes them"
    )
    merge.add_argument("--check", action="store_true", help="compare, and copy nothing")
    crate = word("crate", actions.crate)
    crate.add_argument("folder", type=path, help="folder of results")
    crate.add_argument("--name", help="of the deposit")
    crate.add_argument("--description", help="a sentence about it")
    crate.add_argument("--date", help="of publication, YYYY-MM-DD; today if left out")
    doctor = word("doctor", actions.doctor)
    doctor.add_argument("--root", type=path, metavar="DIR", default=Path(), help="folder of the repository")
    return top


def main(arguments: list[str] | None = None) -> int:
    """The command; exit status 0, 1 for an audit with findings, 2 for a mistake of the user."""
    given = vars(parser().parse_args(arguments))
    action, _ = given.pop("action"), given.pop("word")
    stated = {key: value for key, value in given.items() if key not in STATED or value is not None}

    def command() -> int:
        answer: actions.Answer = action(**stated)
        for message in answer.messages:
            print(message, file=sys.stderr)
        print(answer.text.rstrip("\n"))
        for warning in answer.warnings:
            print(f"Warning: {warning}", file=sys.stderr)
        return answer.status

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
