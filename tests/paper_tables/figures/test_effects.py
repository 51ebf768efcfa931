"""The figure of an ablation."""

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.figures import effects as figure
from paper_tables.figures.style import Figures, house_style
from paper_tables.tables import effects


@pytest.mark.parametrize("tasks", [("hopper-medium-v2",), ("hopper-medium-v2", "antmaze-umaze-v0")])
def test_the_figure_has_every_value_and_repeats_to_the_byte(tmp_path, tasks, ablation):
    runs, variation = ablation.case(tasks=tasks)
    path = tmp_path / "effects.csv"
    effects.effects(runs, variation).to_csv(path, index=False)
    bytes_of = []
    for name in ("a", "b"):
        done = Figures(tmp_path / name)
        with house_style(["iql"]):
            figure.effect_figure(done, path)
            drawn = figure.draw_effects(pd.read_csv(path, converters={"value": str}))
        bytes_of.append((tmp_path / name / "effects.png").read_bytes())
    assert bytes_of[0] == bytes_of[1]
    assert ("thick line" in done.captions["effects"]) == (len(tasks) > 1)
    (axis,) = drawn.axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0.5", "0.7", "0.9"]
    assert axis.get_title() == "IQL"


@pytest.mark.parametrize("tasks", [("hopper-medium-v2",), ("hopper-medium-v2", "antmaze-umaze-v0")])
def test_no_text_is_cut_or_over_other_text(tmp_path, tasks, ablation, checked_saves):
    runs, variation = ablation.case(tasks=tasks)
    effects.effects(runs, variation).to_csv(tmp_path / "effects.csv", index=False)
    with house_style(["iql"]):
        figure.effect_figure(Figures(tmp_path), tmp_path / "effects.csv")
    assert checked_saves == {"effects": []}


def test_values_are_in_the_order_of_numbers_and_others_at_the_end():
    values = ["10", '"corl"', "2", "0.5", "null", "true"]
    places = figure._places(values)
    assert sorted(values, key=places.__getitem__)[:3] == ["0.5", "2", "10"]
    assert sorted(places.values()) == [0, 1, 2, 3, 4, 5]
    assert [figure._shown(value) for value in values] == ["10", "corl", "2", "0.5", "None", "True"]


def test_without_a_file_nothing_is_drawn_and_a_wrong_one_is_refused(tmp_path):
    done = Figures(tmp_path)
    figure.effect_figure(done, None)
    assert done.captions == {}
    with pytest.raises(TablesError, match=r"There is no file .*effects\.csv; --effects takes effects_cells"):
        figure.effect_figure(done, tmp_path / "effects.csv")
    (tmp_path / "effects.csv").write_text("task,value\nt,1\n")
    with pytest.raises(TablesError, match="has no column effect_percent"):
        figure.effect_figure(done, tmp_path / "effects.csv")
