"""The bandit's figures and table, drawn from made-up files of the format that `algos.bandit` writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.figures import bandit as bandit_module

MODES = (
    ("left_up", (-0.8, 0.8), 3.0),
    ("left_bottom", (-0.8, -0.8), 0.0),
    ("right_up", (0.8, 0.8), 1.5),
    ("right_bottom", (0.8, -0.8), 5.0),
)
STEPS = (2, 5, 50)
COUNT = 40


def write_run(folder: Path, reduced: str | None = None) -> None:
    """Every method with `COUNT` samples, half on the best mode, a tenth far out, the rest on the first."""
    folder.mkdir()
    keys = [("data", 0), ("bc_mle", 0), ("bc_cvae", 0), ("bc_mmd", 0)]
    keys += [("bc_diffusion", steps) for steps in STEPS]
    keys += [("td3_bc", 0), ("bcq", 0), ("bcq_described", 0), ("bear_mmd", 0)]
    keys += [("diffusion_ql", steps) for steps in STEPS]
    rng = np.random.default_rng(0)
    samples, numbers = [], []
    for method, steps in keys:
        centres = np.array([MODES[3][1]] * 20 + [(9.0, 9.0)] * 4 + [MODES[0][1]] * 16)
        actions = (centres + 0.01 * rng.standard_normal((COUNT, 2))).astype(np.float32)
        samples.append(
            pd.DataFrame(
                {
                    "method": method,
                    "diffusion_steps": steps,
                    "index": range(COUNT),
                    "x": actions[:, 0],
                    "y": actions[:, 1],
                    "reward": rng.normal(size=COUNT) if method == "data" else np.nan,
                }
            )
        )
        shares = {"share_left_up": 0.4, "share_left_bottom": 0.0, "share_right_up": 0.0}
        shares |= {"share_right_bottom": 0.5, "share_off_modes": 0.1}
        number = {"method": method, "diffusion_steps": steps, "num_samples": COUNT, **shares}
        number |= {"mean_true_reward": 3.7, "updates": 7, "seed": 0, "reduced": reduced or ""}
        numbers.append(number)
    pd.concat(samples).to_parquet(folder / "samples.parquet", index=False)
    pd.DataFrame(numbers).to_csv(folder / "numbers.csv", index=False)
    config = {
        "modes": [{"name": n, "centre": list(c), "reward_mean": r} for n, c, r in MODES],
        "mode_radius": 0.2,
        "reward_sd": 0.5,
        "reduced": reduced,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def captions(folder: Path) -> dict[str, str]:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        return {row["figure"]: row["caption"] for row in csv.DictReader(file)}


def test_same_input_same_bytes(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    for name in ("first", "second"):
        arguments = ["--input", str(tmp_path / "run"), "--output", str(tmp_path / name)]
        assert bandit_module.main(arguments) == 0
    names = ["bandit.pdf", "bandit.png", "bandit_diffusion_steps.pdf", "bandit_diffusion_steps.png"]
    names += ["index.csv", "numbers.md"]
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_table_holds_every_row(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    table = bandit_module.numbers_table(bandit_module.Bandit(tmp_path / "run"))
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 14
    assert "| Diffusion-QL | 50 | 40.0% | 0.0% | 0.0% | 50.0% | 10.0% | 3.70 |" in rows
    assert "at (0.8, -0.8), pays 5" in table
    assert "40 samples per method, each known to 7.9 points" in table
    assert "Reduced" not in table


def test_a_reduced_run_says_so_everywhere(tmp_path: Path) -> None:
    words = "7 updates of 100,000"
    write_run(tmp_path / "run", reduced=words)
    bandit_module.draw(tmp_path / "run", tmp_path / "figures")
    assert words in (tmp_path / "figures" / "numbers.md").read_text(encoding="utf-8")
    assert [words in caption for caption in captions(tmp_path / "figures").values()] == [True, True]
    figure, _ = bandit_module.panels(bandit_module.Bandit(tmp_path / "run"), 1, 2)
    heading = figure.get_suptitle()
    assert words in heading
    assert "Reduced run" in heading


def test_panels_show_what_lies_outside(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    bandit = bandit_module.Bandit(tmp_path / "run")
    _, grid = bandit_module.panels(bandit, 1, 1)
    panel = bandit_module.Panel("bc_mle", 0, 30, 2.5, "BC-MLE")
    bandit_module.draw_panel(grid[0, 0], bandit, panel)
    axes = grid[0, 0]
    assert [text.get_text() for text in axes.texts] == ["4 outside"]
    assert axes.get_xlabel() == "on a mode 90%, reward 3.70"
    assert axes.collections[0].get_offsets().shape == (30, 2)


def test_missing_method_and_files_are_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "run")
    numbers = pd.read_csv(tmp_path / "run" / "numbers.csv")
    numbers[numbers["method"] != "bear_mmd"].to_csv(tmp_path / "run" / "numbers.csv", index=False)
    with pytest.raises(TablesError, match="lacks the method"):
        bandit_module.Bandit(tmp_path / "run")
    (tmp_path / "run" / "samples.parquet").unlink()
    output = tmp_path / "figures"
    assert bandit_module.main(["--input", str(tmp_path / "run"), "--output", str(output)]) == 2
    message = capsys.readouterr().err
    assert "There is no file" in message
    assert message.count("\n") == 1
    assert not output.exists()


def test_a_share_above_one_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    numbers = pd.read_csv(tmp_path / "run" / "numbers.csv")
    numbers.loc[0, "share_off_modes"] = 1.5
    numbers.to_csv(tmp_path / "run" / "numbers.csv", index=False)
    with pytest.raises(TablesError, match="share_off_modes"):
        bandit_module.Bandit(tmp_path / "run")


def test_no_text_is_cut_or_over_other_text(tmp_path: Path, checked_saves: dict[str, list[str]]) -> None:
    for reduced in (None, "7 updates of 100,000"):
        write_run(tmp_path / str(reduced), reduced=reduced)
        bandit_module.draw(tmp_path / str(reduced), tmp_path / "figures")
        assert checked_saves == {"bandit": [], "bandit_diffusion_steps": []}
