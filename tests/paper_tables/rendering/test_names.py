"""Display names, and one style per method."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paper_tables.figures import style
from paper_tables.rendering import names

METHODS = sorted((Path(__file__).parents[3] / "workflow/config/hyperparameters").glob("*.yaml"))


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("diffusion_ql N=5", "Diffusion-QL (N = 5)"),
        ("diffusion_ql N=5 50k updates", "Diffusion-QL (N = 5, 50k updates)"),
        ("iql corl_paper_settings", "IQL (CORL settings)"),
        ("diffusion_ql N=20 ddim_5", "Diffusion-QL (N = 20, DDIM with 5 steps)"),
        ("diffusion_ql ddim_5-4a86d66e", "Diffusion-QL (DDIM with 5 steps 4a86d66e)"),
        ("TD3PlusBC", "TD3+BC"),
        ("my_method my_setting", "my_method (my setting)"),
        ("my_method N=5 20k updates", "my_method (N = 5, 20k updates)"),
        ("iql expectile_0.9", "IQL (expectile 0.9)"),
        # As a paper or a user writes them.
        ("My Method without noise", "My Method without noise"),
        ("my method", "my method"),
        ("IQL (FF)", "IQL (FF)"),
        ("10% BC", "10% BC"),
    ],
)
def test_display_names(label: str, shown: str):
    assert names.display_name(label) == shown


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_the_name_of_a_method_is_its_title(path: Path):
    """A method that is not listed is printed by its identifier: adding one does not need this file."""
    method = yaml.safe_load(path.read_text(encoding="utf-8"))
    key = method["method"]
    assert names.load_names().names.get(key, method["title"]) == method["title"]
    assert names.display_name(f"{key} {next(iter(method['variants']))}").endswith(")")


def test_a_method_has_one_look_everywhere():
    alone = style.label_styles(["iql"])["iql"]
    together = style.label_styles(["bc", "IQL", "diffusion_ql N=5", "unknown"])
    assert together["IQL"] == alone
    styles = names.styles_of(["one", "two", "three", *names.load_names().styles])
    assert len(set(styles.values())) == len(styles)


def test_names_that_begin_alike_are_not_variants_of_one_method():
    one, other = style.label_styles(["My Method", "My other method"]).values()
    assert (one.colour, one.marker, one.line) != (other.colour, other.marker, other.line)
    assert names.method_of("IQL (ours)") == "IQL (ours)"


def test_a_variant_keeps_its_look_in_every_figure_of_an_experiment():
    labels = ["iql paper", "iql corl_paper_settings", "bc"]
    with style.house_style(labels):
        every = style.label_styles(labels)
        alone = style.label_styles(["iql corl_paper_settings"])
    assert alone["iql corl_paper_settings"] == every["iql corl_paper_settings"]
    assert len({(style.colour, style.line) for style in every.values()}) == 3
    assert every["iql paper"].colour == names.load_names().styles["iql"].colour


def test_every_document_has_a_name_for_print_and_no_name_is_idle():
    path = Path(__file__).parents[3] / "paper_tables/reported/documents.yaml"
    documents = {entry["document"] for entry in yaml.safe_load(path.read_text(encoding="utf-8"))}
    known = names.load_names()
    assert documents <= {*known.documents, *known.names}
    assert set(known.documents) <= documents
    assert names.document_name("td3_bc") == "TD3+BC"
    assert names.document_name("corl") == "CORL"
    assert names.document_name("a_new_paper") == "a new paper"
