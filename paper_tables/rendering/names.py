"""Display names of methods and settings, and the style of each method; the data is `config/names.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from zlib import crc32

from recheck.errors import TablesError

from paper_tables.config import load
from paper_tables.rendering.text import in_order

_UPDATES = re.compile(r"^\d[\d.,]*[kM]?$")
_IDENTIFIER = re.compile(r"^[a-z][a-z0-9_]*$")
# N=5, 50k, updates, eta_0.1, a name with a digest.
_SETTING = re.compile(r"^(N=\d+|\d[\d.,]*[kM]?|updates|.+_[^_]+|.+-[0-9a-f]{8})$")
_DIGEST = re.compile(r"^(?P<name>.+)-(?P<digest>[0-9a-f]{8})$")


@dataclass(frozen=True)
class MethodStyle:
    """How one method is drawn.

    Attributes:
        colour: hex digits.
        marker: matplotlib's letter.
        line: solid, dashed, dotted or dashdot.
    """

    colour: str
    marker: str
    line: str


@dataclass(frozen=True)
class Names:
    """The content of `config/names.yaml`.

    Attributes:
        names: identifier of a method -> display name.
        styles: identifier of a method -> style.
        aliases: another spelling, in small letters -> identifier.
        settings: name of a variant or sampling setting -> words.
        documents: short name of a document -> display name.
    """

    names: dict[str, str]
    styles: dict[str, MethodStyle]
    aliases: dict[str, str]
    settings: dict[str, str]
    documents: dict[str, str]

    def identifier(self, method: str) -> str:
        """The identifier of a method in any of its spellings; an unknown one is returned as it is."""
        lowered = method.lower()
        found = self.aliases.get(lowered, lowered)
        return found if found in self.names else method


@cache
def load_names() -> Names:
    """Read the names.

    Raises:
        TablesError: the file breaks its schema, an alias has no method, or two methods have one style.
    """
    content = load("names")
    methods = content["methods"]
    styles = {key: MethodStyle(row["colour"], row["marker"], row["line"]) for key, row in methods.items()}
    if len(set(styles.values())) < len(styles):
        raise TablesError("config/names.yaml, methods: two methods have the same colour, marker and line.")
    unknown = sorted(set(content["aliases"].values()) - set(methods))
    if unknown:
        raise TablesError(f"config/names.yaml, aliases: {', '.join(unknown)} is not among the methods.")
    return Names(
        names={key: row["name"] for key, row in methods.items()},
        styles=styles,
        aliases={key.lower(): value for key, value in content["aliases"].items()},
        settings=dict(content["settings"]),
        documents=dict(content["documents"]),
    )


def document_name(document: str) -> str:
    """What is printed for a document: its own name or its method's; an unknown one keeps its spelling."""
    found = load_names()
    return found.documents.get(document) or found.names.get(document) or document.replace("_", " ")


def method_of(label: str) -> str:
    """The identifier of the method in a label of `statistics.configurations.with_labels`."""
    return load_names().identifier(_parts(label)[0])


def _parts(label: str) -> list[str]:
    """Method and settings of a label; one part where it is a name with spaces, of a paper or a user.

    A method of this project is an identifier. Behind one that is listed every word is a setting. Behind
    another one every word must look like a setting: `my method` is a name, `my_method N=5` is not.
    """
    parts = label.split(" ")
    if parts[0] in load_names().names:
        return parts
    settings = _IDENTIFIER.match(parts[0]) and all(map(_is_setting, parts[1:]))
    return parts if settings else [label]


def _is_setting(part: str) -> bool:
    return part in load_names().settings or bool(_SETTING.match(part))


def display_name(label: str) -> str:
    """What is printed for a label: `Diffusion-QL (N = 5, 50k updates)` or `IQL (CORL settings)`.

    Args:
        label: method, and where they separate it from others its variant, N=steps, sampling setting and
            updates, with spaces between them, as `statistics.configurations.with_labels` writes it.

    Returns:
        The display name. What is not in `config/names.yaml` keeps its spelling, settings with spaces for
        underscores. A name with spaces that a paper or a user gave stays as it is.
    """
    names = load_names()
    parts = _parts(label)
    method = names.identifier(parts[0])
    words = []
    for part in parts[1:]:
        if part.startswith("N="):
            words.append(f"N = {part[2:]}")
        elif part == "updates" and words and _UPDATES.match(words[-1]):
            words[-1] += " updates"
        else:
            words.append(_setting(part))
    name = names.names.get(method, method)
    return f"{name} ({', '.join(words)})" if words else name


def _setting(part: str) -> str:
    """The words of a variant or sampling setting; a digest that separates two of one name is kept."""
    settings = load_names().settings
    if part in settings:
        return settings[part]
    digest = _DIGEST.match(part)
    if digest:
        return f"{_setting(digest['name'])} {digest['digest']}"
    return part if _UPDATES.match(part) else part.replace("_", " ")


def styles_of(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """The style of each method; that of a listed one is the same everywhere.

    Args:
        methods: identifiers, see `method_of`.

    Returns:
        method -> style. A method that is not listed takes one that its name gives and no other here has.
    """
    known = load_names().styles
    wanted = sorted(set(methods))
    found = {method: known[method] for method in wanted if method in known}
    colours, markers, lines = (
        sorted({getattr(style, part) for style in known.values()}) for part in ("colour", "marker", "line")
    )
    free = [
        MethodStyle(colour, marker, line)
        for line in reversed(lines)
        for marker in markers
        for colour in colours
        if MethodStyle(colour, marker, line) not in known.values()
    ]
    for method in wanted:
        if method not in found:
            place = crc32(method.encode()) % len(free)
            while free[place] in found.values():
                place = (place + 1) % len(free)
            found[method] = free[place]
    return found


def in_order_of_settings(labels: Iterable[str]) -> list[str]:
    """Distinct labels by method, number of steps and the order of the settings in `config/names.yaml`."""
    order = list(load_names().settings)

    def key(label: str) -> tuple[str, list[int]]:
        parts = _parts(label)
        return parts[0], [order.index(part) if part in order else len(order) for part in parts[1:]]

    return sorted(in_order(labels), key=key)
