"""The reference has every rule, key and column with a description, and is not made where one is missing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recheck import schema

from tools import reference

ROOT = Path(__file__).resolve().parents[2]

SCHEMAS = sorted(
    [*(ROOT / "workflow/schemas").glob("*.schema.json"), *(ROOT / "paper_tables").rglob("*.schema.json")]
)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


@pytest.fixture(scope="module")
def targets() -> set[str]:
    """The rules that Snakemake itself takes as targets, for the default experiment."""
    command = [sys.executable, "-m", "snakemake", "--list-target-rules", "--quiet", "all"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {line.split(" ")[0] for line in listed.splitlines() if re.match(r"\w+( \(|$)", line)}


def section(page: str, heading: str) -> str:
    return page.split(f"\n{heading}\n")[1].split("\n## ")[0].split("\n### ")[0]


def names(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", text, re.M)


def test_every_rule_is_a_target_or_a_step_with_a_description(pages: dict[str, str], targets: set[str]):
    page = pages["reference/commands.md"]
    listed, steps = names(section(page, "## snakemake")), names(section(page, "### Steps"))
    texts = [path.read_text() for path in [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]]
    assert sorted(listed + steps) == sorted(
        name for t in texts for name in re.findall(r"^ *rule (\w+):", t, re.M)
    )
    for name in ("evidence", "readme", "reevaluate", "cost", "benchmark", "audit", "all"):
        assert name in listed
    # `readme` is a rule of `scores=published` alone. No other target of the page is refused by Snakemake.
    assert set(listed) - targets == {"readme"}
    assert "train" not in targets
    assert {"train", "evaluate", "play_checkpoint"} <= set(steps)


def test_a_rule_without_a_docstring_is_an_error(tmp_path: Path):
    (tmp_path / "workflow/rules").mkdir(parents=True)
    (tmp_path / "Snakefile").write_text('rule all:\n    """All of it."""\n    input:\n        "a",\n')
    rules = tmp_path / "workflow/rules/more.smk"
    rules.write_text(
        'if True:\n\n    rule more:\n        """Of two\n        lines.\n        """\n        log: "b"\n'
    )
    assert reference.rules(tmp_path) == {"all": "All of it.", "more": "Of two lines."}
    rules.write_text('rule more:\n    log:\n        "b",\n\n\nrule other:\n    """Another."""\n')
    with pytest.raises(reference.NotDescribed, match=r"more\.smk: rule more has no docstring"):
        reference.rules(tmp_path)


@pytest.mark.parametrize("path", SCHEMAS, ids=[str(path.relative_to(ROOT)) for path in SCHEMAS])
def test_every_key_of_every_schema_is_in_the_reference(path: Path, pages: dict[str, str]):
    page = (
        "configuration"
        if path.name.split(".")[0] in reference.CONFIGURATION and "workflow" in path.parts
        else "files"
    )
    parts = pages[f"reference/{page}.md"].split(f"\n`{path.relative_to(ROOT)}`. ")
    assert len(parts) == 2
    rows = {row.split("` |")[0]: row for row in parts[1].split("\n## ")[0].split("\n| `")[1:]}
    described = schema.read(path)
    top = described.get("items", described)
    for key in top.get("properties", {}):
        assert key in rows
    for row in rows.values():
        meaning = re.split(r"(?<!\\) \| ", row.strip())[-1].removesuffix(" |")
        assert re.search(r"\w{2}", meaning) or "| `" in row, row


def test_nested_keys_and_defaults_are_listed(pages: dict[str, str]):
    page = pages["reference/configuration.md"]
    for key in ("site.partition", "grid[].num_updates", "*.environment", "variants.*.suites.*.applies_to"):
        assert f"\n| `{key}` |" in page
    assert "\n| `machines.gpu.seeds_per_block` | integer | yes | `10` |" in page
    assert "\n| `expectile` | several methods | number |" in page


def test_every_hyperparameter_of_every_method_is_listed(pages: dict[str, str]):
    listed = set(names(section(pages["reference/configuration.md"], "## Names of hyperparameters")))
    for path in (ROOT / "workflow/config/hyperparameters").glob("*.yaml"):
        for variant in schema.read_yaml(path)["variants"].values():
            assert set((variant.get("common") or {}).get("hyperparameters", {})) <= listed, path.name


def test_a_key_without_a_description_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    path = tmp_path / "x.schema.json"
    rule = {
        "description": "A file.",
        "properties": {"a": {"items": {"properties": {"b": {"type": "string"}}}}},
    }
    rule["properties"]["a"]["description"] = "A list"
    path.write_text(json.dumps(rule))
    with pytest.raises(reference.NotDescribed, match=r"x\.schema\.json: a\[\]\.b has no description"):
        "".join(reference._schema(path))
    rule["properties"]["a"]["items"]["properties"]["b"]["description"] = "it has to be a name"
    path.write_text(json.dumps(rule))
    assert "| `a[].b` | string | no | A name. |" in "".join(reference._schema(path))
