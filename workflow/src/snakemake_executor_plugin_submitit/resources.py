"""Snakemake's resources as sbatch options. The names are those of the official SLURM plugin."""

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import SubmititError

# Name to what it becomes. The order is the one in messages.
KNOWN_RESOURCES: Mapping[str, str] = {
    "slurm_partition": "--partition",
    "slurm_account": "--account",
    "qos": "--qos",
    "constraint": "--constraint",
    "gpu": "--gres=gpu:N (an integer)",
    "gpu_model": "--gres=gpu:MODEL:N",
    "gres": "--gres",
    "mem_mb": "--mem, in MB",
    "mem_mb_per_cpu": "--mem-per-cpu, in MB",
    "cpus_per_task": "--cpus-per-task",
    "runtime": "--time, in minutes",
    "slurm_extra": "further long options, such as '--exclude=node7 --nice=100'",
}

# Those that are text. A number here is a mistake: YAML and Python read 0123, 1e5 or 12:30 as others.
TEXT_RESOURCES = frozenset(
    {"slurm_partition", "slurm_account", "qos", "constraint", "gpu_model", "gres", "slurm_extra"}
)

# Snakemake's own, which mean nothing to SLURM here.
_IGNORED = frozenset({"tmpdir", "mem", "mem_mib", "disk", "_cores", "_nodes"})

# The plugin sets these: a second value would lose jobs or logs.
_RESERVED_OPTIONS = frozenset(
    (
        *("array", "chdir", "comment", "error", "help", "input", "job-name", "nodes", "ntasks", "open-mode"),
        *("output", "parsable", "quiet", "requeue", "no-requeue", "signal", "test-only", "usage", "version"),
        *("wait", "wrap"),
    )
)
# The plugin computes with these (memory grows, the warning comes before the time limit).
_ONLY_AS_RESOURCE: Mapping[str, str] = {
    "mem": "mem_mb",
    "mem-per-cpu": "mem_mb_per_cpu",
    "cpus-per-task": "cpus_per_task",
    "time": "runtime",
}
_SHORT_OPTIONS: Mapping[str, str] = {
    "-A": "account",
    "-C": "constraint",
    "-G": "gpus",
    "-L": "licenses",
    "-M": "clusters",
    "-c": "cpus-per-task",
    "-p": "partition",
    "-q": "qos",
    "-t": "time",
    "-w": "nodelist",
    "-x": "exclude",
}


def unknown_resources(names: Iterable[str], allowed: Iterable[str] = ()) -> list[str]:
    """Names that neither SLURM (through the plugin), nor Snakemake, nor ``allowed`` knows."""
    extra = set(allowed)
    return sorted(
        name
        for name in names
        if name not in KNOWN_RESOURCES
        and name not in _IGNORED
        and name not in extra
        and not name.startswith("disk_")
    )


def refusal(rule: str, unknown: Iterable[str]) -> str:
    """The message for unknown resources of a rule, with the list of what is known."""
    names = list(unknown)
    return (
        f"Rule {rule} asks for the resource{'s' if len(names) > 1 else ''} {', '.join(names)}, which the "
        f"submitit executor does not know; known are {', '.join(KNOWN_RESOURCES)} (any further sbatch "
        f"option goes into slurm_extra)."
    )


@dataclass(frozen=True)
class Request:
    """What one job asks of SLURM. Jobs with equal requests of one rule share an array.

    Attributes:
        options: sbatch options without dashes, in a fixed order; the value True is a bare flag.
        cpus: CPU cores of the job.
        minutes: time limit, None for the partition's default.
        memory_mb: memory of the job or, with ``memory_is_per_cpu``, of each core; None if not asked for.
    """

    options: tuple[tuple[str, str | bool], ...]
    cpus: int
    minutes: int | None
    memory_mb: int | None
    memory_is_per_cpu: bool = False

    def with_memory_factor(self, factor: int) -> "Request":
        """The same request with ``factor`` times the memory."""
        if factor == 1 or self.memory_mb is None:
            return self
        return Request(self.options, self.cpus, self.minutes, self.memory_mb * factor, self.memory_is_per_cpu)

    def sbatch_options(self) -> dict[str, str | bool]:
        """All options, for ``#SBATCH`` lines."""
        options: dict[str, str | bool] = dict(self.options)
        options["cpus-per-task"] = str(self.cpus)
        options["nodes"] = "1"
        options["ntasks"] = "1"
        if self.minutes is not None:
            options["time"] = str(self.minutes)
        if self.memory_mb is not None:
            options["mem-per-cpu" if self.memory_is_per_cpu else "mem"] = f"{self.memory_mb}M"
        return options


@dataclass
class _Reader:
    """Reads the resources of one job, with errors that name rule and resource."""

    rule: str
    resources: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        value = self.resources.get(name)
        if value is None or str(value).strip() == "":
            return None
        if name in TEXT_RESOURCES and not isinstance(value, str):
            raise SubmititError(
                f"Rule {self.rule}: resource {name} is the {type(value).__name__} {value!r}; it must be "
                f"text. An unquoted value such as 0123, 12:30 or no is read as a number or a boolean. Write "
                f"it in quotes: "
                f'{name}: "0123" in a profile, {name}="0123" in a rule, '
                f"--default-resources \"{name}='0123'\" on the command line."
            )
        text = str(value).strip()
        if "\n" in text:
            raise SubmititError(f"Rule {self.rule}: resource {name} has a line break in it.")
        return text

    def whole(self, name: str, least: int) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not math.isfinite(number) or number < least or number != int(number):
            raise SubmititError(
                f"Rule {self.rule}: resource {name}={text} must be a whole number of at least {least}"
                f"{' (minutes)' if name == 'runtime' else ''}."
            )
        return int(number)


def request_of(rule: str, resources: Mapping[str, Any], threads: int, allowed: Iterable[str] = ()) -> Request:
    """Map a job's resources to sbatch options.

    Args:
        rule: name of the rule, for messages.
        resources: the job's resources as Snakemake evaluated them.
        threads: the job's threads, which are its CPU cores unless ``cpus_per_task`` is given.
        allowed: further names that concern Snakemake alone, such as limits given with --resources.

    Raises:
        SubmititError: a resource is unknown, malformed, or two of them contradict each other.
    """
    unknown = unknown_resources(resources.keys(), allowed)
    if unknown:
        raise SubmititError(refusal(rule, unknown))
    read = _Reader(rule, resources)
    options: dict[str, str | bool] = {}
    for name, option in (
        ("slurm_partition", "partition"),
        ("slurm_account", "account"),
        ("qos", "qos"),
        ("constraint", "constraint"),
    ):
        text = read.text(name)
        if text is not None:
            options[option] = text

    gpus, model, gres = read.whole("gpu", 0), read.text("gpu_model"), read.text("gres")
    if gpus:
        if gres is not None and "gpu" in gres:
            raise SubmititError(f"Rule {rule}: give GPUs either by gpu or by gres={gres}, not by both.")
        wanted = f"gpu:{model}:{gpus}" if model else f"gpu:{gpus}"
        gres = wanted if gres is None else f"{gres},{wanted}"
    # A gpu_model alone is not a request: profiles set it once for all rules, those without a GPU too.
    if gres is not None:
        options["gres"] = gres

    extra = read.text("slurm_extra")
    if extra is not None:
        for option, value in _parse_extra(rule, extra).items():
            if option in options or (option == "gpus" and gpus):
                raise SubmititError(
                    f"Rule {rule}: slurm_extra has --{option}, which another resource of the rule sets; "
                    f"keep one of them."
                )
            options[option] = value

    per_cpu = read.whole("mem_mb_per_cpu", 1)
    # Snakemake gives every remote job a default mem_mb, so mem_mb_per_cpu has to win.
    memory = per_cpu if per_cpu is not None else read.whole("mem_mb", 1)
    return Request(
        options=tuple(sorted(options.items())),
        cpus=read.whole("cpus_per_task", 1) or max(threads, 1),
        minutes=read.whole("runtime", 1),
        memory_mb=memory,
        memory_is_per_cpu=per_cpu is not None,
    )


def _parse_extra(rule: str, text: str) -> dict[str, str | bool]:
    """``--exclude=node7 --nice 100 --exclusive`` to options, refusing what the plugin sets itself."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SubmititError(f"Rule {rule}: slurm_extra={text!r} cannot be read ({error}).") from None
    options: dict[str, str | bool] = {}
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word in _SHORT_OPTIONS:
            name, equals, value = _SHORT_OPTIONS[word], "", ""
        elif word.startswith("--") and len(word) > 3:
            name, equals, value = word[2:].partition("=")
        else:
            raise SubmititError(
                f"Rule {rule}: slurm_extra holds {word!r}; write long options, as in "
                f"'--exclude=node7 --nice=100'."
            )
        if name in _RESERVED_OPTIONS:
            raise SubmititError(f"Rule {rule}: --{name} in slurm_extra is set by the executor itself.")
        if name in _ONLY_AS_RESOURCE:
            raise SubmititError(
                f"Rule {rule}: --{name} in slurm_extra: use the resource {_ONLY_AS_RESOURCE[name]}."
            )
        if equals:
            options[name] = value
        elif position < len(words) and not words[position].startswith("-"):
            options[name] = words[position]
            position += 1
        else:
            options[name] = True
    return options
