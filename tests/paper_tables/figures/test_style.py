"""Colours, and how a figure is written."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.figures import style


def test_colours_are_distinct_for_the_colour_blind():
    """Simulated deuteranopia and protanopia (Vienot, Brettel and Mollon 1999) keep the palette apart."""
    linear = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in style.COLOURS])
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    for vision in (np.eye(3), protan, deutan):
        seen = linear @ (np.linalg.inv(to_lms) @ vision @ to_lms).T
        distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[i + 1 :]]
        assert min(distances) > 0.07


def test_a_full_disk_is_one_message_and_leaves_no_figure(tmp_path, full_disk):
    figures = style.Figures(tmp_path / "figures")
    with full_disk(), pytest.raises(TablesError) as caught:
        figures.save(style.new_figure(2.0), "a", "caption")
    message = f"{tmp_path}/figures/a.pdf cannot be written: the disk is full; free some space and run again."
    assert str(caught.value) == message
    assert list((tmp_path / "figures").iterdir()) == []
    assert figures.captions == {}


@pytest.mark.parametrize("name", [r"$\foo$ X", "$a_{$", "x^2_%#&~", "5$"])
def test_a_name_is_drawn_as_it_is_written(name: str, tmp_path):
    with style.house_style():
        figure = style.new_figure(1.0)
        text = figure.text(0.1, 0.1, name)
        assert not text.get_parse_math()
        style.Figures(tmp_path).save(figure, "a", "caption")
    assert (tmp_path / "a.pdf").stat().st_size > 0


@pytest.mark.parametrize("count", range(1, 12))
def test_shades_of_one_method_are_apart(count: int):
    """The first keeps the method's colour; many variants are told apart by lighter and darker ones."""
    found = style.label_styles([f"diffusion_ql N={place}" for place in range(1, count + 1)])
    colours = [label.colour for label in found.values()]
    assert colours[0] == style.label_styles(["diffusion_ql"])["diffusion_ql"].colour
    brightness = sorted(sum(int(colour[start : start + 2], 16) for start in (1, 3, 5)) for colour in colours)
    assert count < 2 or min(np.diff(brightness)) > 15


def test_variants_of_a_method_have_markers_of_their_own():
    """Without a line, as at one number of diffusion steps, nothing but the marker tells them apart."""
    sampling = ["", " ddim_2", " ddim_5", " ddim_10"]
    styles = style.label_styles([f"diffusion_ql N=20{name}" for name in sampling])
    seen = [(found.marker, found.fill) for found in styles.values()]
    assert len({marker for marker, _ in seen}) == 1, "the method's own"
    assert len(set(seen)) == len(sampling)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Diffusion-QL (N = 20)", ["Diffusion-QL (N = 20)"]),
        (
            "Diffusion-QL (N = 20, DDIM with 10 steps)",
            ["Diffusion-QL", "(N = 20,", "DDIM with 10 steps)"],
        ),
        ("one (two, three, a longer part)", ["one", "(two, three,", "a longer part)"]),
        ("no bracket but words enough", ["no bracket but words", "enough"]),
    ],
)
def test_a_label_breaks_between_its_parts_before_it_breaks_inside_one(text, lines):
    assert style.wrapped(text, 22).split("\n") == lines
