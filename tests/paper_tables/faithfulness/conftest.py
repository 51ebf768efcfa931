"""A small plan on a real task, and runs that follow it."""

import pandas as pd
import pytest

from paper_tables import frames, task_table
from paper_tables.faithfulness.runs import Plan

TASK, OTHER = "hopper-sac-tqc-v0", "halfcheetah-mixed-v0"


@pytest.fixture
def plan():
    return Plan(
        method="iql",
        variant="corl_paper_settings",
        experiment="faithfulness",
        released_code="corl-team/CORL@eeeeef2",
        tasks=(TASK, OTHER),
        seeds=(4, 5, 6),
        num_updates=30,
        checkpoint_every_updates=10,
        episodes_per_checkpoint=2,
        averaged_from_update=20,
        interval_level=0.95,
        significance_level=0.05,
        margin_percent=10,
    )


@pytest.fixture
def a_run():
    """a_run(program, task, seed, scores): rows with these scores in percent, each from two equal episodes."""

    def make(program, task, seed, scores):
        known = task_table.tasks()[task]
        rows = []
        for place, score in enumerate(scores, start=1):
            raw = known.reference_min + score / 100 * (known.reference_max - known.reference_min)
            rows.append(
                {
                    "program": program,
                    "code": "corl-team/CORL@eeeeef2" if program == "corl" else "recheck@0123456789ab",
                    "task": task,
                    "seed": seed,
                    "num_updates": 10 * len(scores),
                    "update": 10 * place,
                    "score_percent": score,
                    "num_episodes": 2,
                    "episode_returns": f"{raw!r} {raw!r}",
                    "episode_lengths": "7 8",
                    "value_loss": 0.1,
                    "critic_loss": 0.2,
                    "actor_loss": -0.3,
                    "torch_version": "2.13.0",
                    "gymnasium_version": "1.4.0",
                    "mujoco_version": "3.11.0",
                    "run_wall_seconds": 12.5,
                }
            )
        return frames.check(pd.DataFrame(rows), "faithfulness_runs", "the test")

    return make
