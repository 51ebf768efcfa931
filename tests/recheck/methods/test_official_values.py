"""The hyperparameters of papers and released code, one by one."""

import json
from pathlib import Path

import pytest
from recheck import tasks
from recheck.experiments import expansion
from recheck.methods import hyperparameters

from tests.recheck.methods.resolved import resolve

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def official(facts):
    return json.loads((facts / "hyperparameters.json").read_text(encoding="utf-8"))


# --- The official values ---


def test_iql_common(official):
    expected = official["IQL"]["common"]
    found = resolve("iql", "hopper-medium-v2")
    for ours, theirs in {
        "actor_learning_rate": "actor_lr",
        "value_learning_rate": "value_lr",
        "critic_learning_rate": "critic_lr",
        "hidden_sizes": "hidden_dims",
        "discount": "discount",
        "target_rate": "tau_target",
        "batch_size": "batch_size",
        "advantage_clip": "adv_weight_clip",
    }.items():
        assert found.values[ours] == expected[theirs], ours
    assert found.num_updates == expected["max_steps"]
    assert expected["actor_lr_schedule"].startswith(found.values["actor_decay"])
    assert f"[{found.values['log_std_min']:g},{found.values['log_std_max']:g}]" in expected["policy"]
    assert expected["init"].startswith(found.values["initialiser"])
    assert expected["critic_loss"].startswith(found.values["critic_loss"])
    assert expected["update_order"].startswith("V, actor, Q, target")
    assert found.values["update_order"] == "paper"
    assert expected["obs_normalisation"] is None
    assert not any(transform["name"] == "standardise_observations" for transform in found.transforms)
    clip = next(transform for transform in found.transforms if transform["name"] == "clip_actions")
    assert expected["action_clip"].startswith(str(clip["limit"]))


IQL_DOMAINS = [
    ("gym-locomotion", "walker2d-medium-replay-v2", "return_range"),
    ("antmaze", "antmaze-large-play-v0", "minus_one"),
    ("kitchen_and_adroit", "kitchen-mixed-v0", None),
    ("kitchen_and_adroit", "pen-human-v0", None),
]


@pytest.mark.parametrize(("domain", "task", "reward"), IQL_DOMAINS)
def test_iql_per_domain(official, domain, task, reward):
    expected = official["IQL"]["per_domain"][domain]
    found = resolve("iql", task)
    assert found.values["expectile"] == expected["expectile"]
    assert found.values["beta"] == expected["temperature"]
    assert found.values["dropout"] == expected["dropout"]
    names = [transform["name"] for transform in found.transforms]
    assert names == ["clip_actions"] + ([reward] if reward else [])


def test_corl_settings(official):
    expected = official["CORL-IQL"]["gym"]
    found = resolve("iql", "halfcheetah-medium-v2", "corl_paper_settings")
    assert found.values["expectile"] == expected["iql_tau"]
    assert found.values["beta"] == expected["beta"]
    assert found.values["target_rate"] == expected["tau"]
    assert found.values["batch_size"] == expected["batch"]
    assert found.num_updates == expected["max_timesteps"]
    assert [found.values["log_std_min"], found.values["log_std_max"]] == expected["log_std"]
    assert expected["init"].replace(" ", "_") == found.values["initialiser"]
    assert expected["normalize_state"]
    assert found.transforms[-1] == {"name": "standardise_observations", "epsilon": 0.001}
    # The reference runs scaled rewards by the unfiltered trajectories; CORL's files do so for two tasks.
    assert found.transforms[0] == {"name": "return_range", "boundaries": "unfiltered"}
    assert (found.values["update_order"], found.values["critic_loss"]) == ("corl", "half_sum")


def test_diffusion_ql_common(official):
    expected = official["Diffusion-QL"]["common"]
    found = resolve("diffusion_ql", "hopper-medium-v2")
    assert found.diffusion_steps == expected["T"]
    for ours, theirs in {
        "batch_size": "batch_size",
        "epoch_updates": "num_steps_per_epoch",
        "discount": "discount",
        "target_rate": "tau_critic",
        "ema_decay": "ema_decay",
        "ema_start": "step_start_ema",
        "ema_every": "update_ema_every",
        "critic_learning_rate": "critic_lr",
    }.items():
        assert found.values[ours] == expected[theirs], ours
    assert expected["beta_schedule"].startswith(found.values["schedule"])
    assert f"max over {found.values['max_q_backup_actions']} target" in expected["max_q_backup"]
    assert expected["eval_action"].startswith(f"{found.values['candidates']} candidates")
    assert f"by {found.values['extraction']}(Q)" in expected["eval_action"]
    assert f"temperature {found.values['candidate_temperature']:g}" in expected["eval_action"]
    assert expected["eval_actor"].startswith(found.values["evaluation_actor"])
    assert f"{found.values['ddpm_form']} variance" in expected["sampler"]
    assert expected["noise_loss"].startswith(found.values["noise_loss_reduction"])
    assert expected["actor"].startswith("MLP 3x256")
    assert expected["critic"].endswith("3x256, Mish (ql_diffusion.py:19-34)")
    assert found.values["hidden_sizes"] == [256] * 3
    assert f"time embedding {found.values['time_embedding_size']} " in expected["actor"]
    assert "final rate 0.99901" in expected["lr_decay"]
    assert found.values["lr_decay"] == "described"
    assert resolve("diffusion_ql", "hopper-medium-v2", "release").values["lr_decay"] == "released"


def test_diffusion_ql_per_task(official):
    expected = official["Diffusion-QL"]["per_task"]
    covered = hyperparameters.covered(hyperparameters.read(ROOT, "diffusion_ql"))
    assert covered == set(expected)
    assert len(expected) == 20
    rewards = {"no": [], "cql_antmaze": [{"name": "shift_scale"}], "normalize": [{"name": "normalize"}]}
    for task, row in expected.items():
        found = resolve("diffusion_ql", task)
        assert found.like is None
        assert found.values["actor_learning_rate"] == row["lr"], task
        assert found.values["eta"] == row["eta"], task
        assert found.values["max_q_backup"] is row["max_q_backup"], task
        assert found.values["gradient_clip"] == row["gn"], task
        assert found.values["offline_top_k"] == row["top_k"], task
        assert found.values["released_decay_epochs"] == row["eval_freq"], task
        assert found.num_updates == row["num_epochs"] * 1000, task
        assert found.transforms == rewards[row["reward_tune"]], task
        assert found.sources["eta"] == f"D {row['source']}", task


def test_idql_paper(official):
    expected = official["IDQL"]["paper_appendix_E"]
    locomotion, antmaze = resolve("idql", "hopper-medium-v2"), resolve("idql", "antmaze-umaze-v0")
    one = resolve("idql", "antmaze-umaze-v0", "paper_one")
    for name in ("actor_learning_rate", "critic_learning_rate", "value_learning_rate"):
        assert locomotion.values[name] == expected["lr"]
    for ours, theirs in {
        "critic_batch_size": "critic_batch",
        "actor_batch_size": "actor_batch",
        "quantile": "quantile_tau",
        "exponential_alpha": "exponential_alpha",
        "target_rate": "target_critic_ema",
        "dropout": "dropout",
        "actor_blocks": "residual_blocks",
        "actor_width": "hidden",
    }.items():
        assert locomotion.values[ours] == expected[theirs], ours
    assert locomotion.diffusion_steps == expected["T"]
    assert expected["beta_schedule"] == "variance preserving"
    assert locomotion.values["schedule"] == "vp"
    assert expected["tau_expectile"] == "0.7 locomotion, 0.9 antmaze"
    assert (locomotion.values["expectile"], antmaze.values["expectile"]) == (0.7, 0.9)
    assert expected["N"] == "32 (antmaze -A), 128 (loco -A), 64 (-1)"
    assert [run.values["candidates"] for run in (antmaze, locomotion, one)] == [32, 128, 64]
    assert resolve("idql", "hopper-medium-v2", "paper_one").values["candidates"] == 64
    assert expected["critic_grad_steps"] == "1.5e6 (-A), 1e6 (-1)"
    assert [locomotion.num_updates, one.num_updates] == [1_500_000, 1_000_000]
    assert expected["actor_grad_steps"] == "3e6 (-A), 2e6 (-1)"
    assert [run.num_updates * run.values["actor_updates"] for run in (locomotion, one)] == [
        3_000_000,
        2_000_000,
    ]
    assert expected["actor_schedule"].startswith(locomotion.values["actor_decay"])
    assert expected["optimizer"].lower() == locomotion.values["optimiser"]


def test_idql_release(official):
    expected = official["IDQL"]["code_at_HEAD_7582571"]
    found, antmaze = (resolve("idql", task, "release") for task in ("hopper-medium-v2", "antmaze-umaze-v0"))
    assert found.num_updates == expected["max_steps"] - 1
    for ours, theirs in {
        "critic_batch_size": "batch_size",
        "actor_batch_size": "batch_size",
        "candidates": "N_train",
        "dropout": "actor_dropout",
        "actor_blocks": "actor_blocks",
        "actor_layer_norm": "actor_layer_norm",
        "value_layer_norm": "value_layer_norm",
        "actor_decay_updates": "decay_steps",
        "actor_target_rate": "actor_tau",
        "schedule": "beta_schedule",
        "time_features": "time_dim",
        "activation": "activation",
    }.items():
        assert found.values[ours] == expected[theirs], ours
        assert antmaze.values[ours] == expected[theirs], ours
    assert found.diffusion_steps == expected["T"]
    assert found.train_fraction == expected["train_split"]
    assert found.transforms[0] == {"name": "clip_actions", "limit": expected["action_clip"]}
    assert expected["critic_hyperparam"] == "0.9 antmaze, 0.7 else"
    assert (found.values["expectile"], antmaze.values["expectile"]) == (0.7, 0.9)
    assert found.values["optimiser"] == "adamw"
    assert "weight_decay 1e-4" in expected["actor_optimizer"]
    assert found.values["weight_decay"] == 1e-4
    assert "xavier_uniform" in expected["critic"]
    assert found.values["initialiser"] == "xavier_uniform"
    assert found.values["hidden_sizes"] == [256, 256]
    assert expected["time_mlp"].startswith("256-256 swish")
    assert found.values["time_hidden_sizes"] == [256, 256]
    assert expected["sampler"].startswith("variance beta_t")
    assert found.values["ddpm_form"] == "beta"
    assert expected["noise_loss"].startswith(found.values["noise_loss_reduction"])
    assert found.values["shared_batch"] is True


def test_the_weighted_ablation_differs_from_idql_in_the_weight_alone():
    for variant in ("paper", "release"):
        plain = resolve("idql", "hopper-medium-v2", variant)
        weighted = resolve("idql_weighted", "hopper-medium-v2", variant)
        added = {"beta": 3.0, "advantage_clip": 100.0}
        assert weighted.values == {**plain.values, **added}
        assert (weighted.num_updates, weighted.transforms) == (plain.num_updates, plain.transforms)


def test_edp(official):
    code, paper = official["EDP"]["code_defaults"], official["EDP"]["paper"]
    ours, released = resolve("edp", "hopper-medium-v2"), resolve("edp", "hopper-medium-v2", "release")
    assert (ours.diffusion_steps, released.diffusion_steps) == (paper["K"], code["num_timesteps"])
    assert paper["sampler"] == "DPM-Solver order 3, 15 calls"
    assert (ours.values["sampler"], ours.values["sampling_steps"]) == ("dpm_solver", 15)
    assert code["dpm_steps"] == 15
    assert released.values["sampler"] == code["sample_method"]
    assert ours.values["candidates"] == paper["EAS_N"]
    assert released.values["candidates"] == code["EAS_num_samples"]
    assert ours.values["actor_learning_rate"] == paper["locomotion_lr"]
    assert ours.values["gradient_clip"] == paper["locomotion_grad_clip"]
    assert ours.values["guidance_weight"] == paper["loss_weight"]
    for found in (ours, released):
        for name, theirs in {
            "alpha": "alpha",
            "guidance_weight": "guide_coef",
            "critic_learning_rate": "lr",
            "target_rate": "tau",
            "expectile": "expectile",
            "beta": "awr_temperature",
            "batch_size": "batch",
            "actor_target_every": "policy_tgt_freq",
            "actor_target_start": "policy_target_start",
        }.items():
            assert found.values[name] == code[theirs], name
        assert found.values["schedule"] == "linear_scaled"
        assert code["schedule_scale"] == "1000/N"
        assert "-".join(map(str, found.values["hidden_sizes"])) == code["policy_arch"] == code["qf_arch"]
        assert code["clip_action"].startswith(str(found.transforms[0]["limit"]))
    assert released.num_updates == code["n_epochs"] * code["steps_per_epoch"]
    assert paper["epochs"] == "2000 locomotion, 1000 others"
    assert [resolve("edp", task).num_updates for task in ("hopper-medium-v2", "kitchen-mixed-v0")] == [
        2_000_000,
        1_000_000,
    ]
    assert official["EDP"]["per_task_table_identical_to_DQL_main.py"]
    for task, row in official["Diffusion-QL"]["per_task"].items():
        assert resolve("edp", task, "release").values["gradient_clip"] == row["gn"], task
    rewards = {
        ("antmaze-umaze-v0", "paper"): "shift_scale",
        ("antmaze-umaze-v0", "paper_iql"): "minus_one",
        ("antmaze-umaze-v0", "release_iql"): "minus_one",
        ("kitchen-mixed-v0", "paper"): "min_max",
        ("pen-human-v1", "paper"): "min_max",
    }
    for (task, variant), reward in rewards.items():
        assert [transform["name"] for transform in resolve("edp", task, variant).transforms] == [
            "clip_actions",
            reward,
        ]
    assert resolve("edp", "antmaze-umaze-v0", "paper_iql").values["head"] == "iql"


def deviation(name, switch):
    """The row of the deviations table for a switch, as one text."""
    (row,) = [row for row in hyperparameters.read(ROOT, name).deviations if row["switch"] == switch]
    return " | ".join(str(value) for value in row.values())


def evaluated(name, variant=None):
    """task -> (checkpoints, episodes at each) of a method in the experiment d4rl."""
    content = expansion.read_file(ROOT, "d4rl")
    found = {}
    for run in expansion.expand(ROOT, "d4rl", content, tasks.read(ROOT)).runs.values():
        if run.config["method"] == name and variant in (None, run.config["variant"]):
            ((sampling, seeds),) = run.samplings.values()
            episodes = {
                sampling.evaluation[key] for key in ("episodes", "episodes_last", "episodes_reevaluated")
            }
            found[run.config["task"]] = (run.config["checkpoints"], episodes, seeds)
    return found


def test_corl_elsewhere(official):
    """CORL's task files: what the variant has, and in the table of deviations what it has not."""
    expected = official["CORL-IQL"]
    found = resolve("iql", "antmaze-large-play-v0", "corl_paper_settings").values
    antmaze, pen, gym = expected["antmaze"], expected["pen"], expected["gym"]
    assert (found["expectile"], found["beta"]) == (antmaze["iql_tau"], antmaze["beta"])
    assert found["target_rate"] == antmaze["tau"]
    assert evaluated("iql")["antmaze-large-play-v0"][1] == {antmaze["n_episodes"]}
    assert evaluated("iql")["hopper-medium-v2"][1] == {gym["n_episodes"]}
    assert f"every {gym['eval_freq']} (CORL)" in deviation("iql", "evaluation interval")
    assert f"{pen['iql_tau']} for pen" in deviation("iql", "expectile")
    assert f"{pen['beta']:g} for pen" in deviation("iql", "beta")
    assert resolve("iql", "pen-human-v0", "corl_paper_settings").values["dropout"] == pen["actor_dropout"]
    # Scaling of rewards and the deterministic actor: two tasks only.
    assert gym["scope"] == "medium, medium-replay, medium-expert"
    assert not any([gym["normalize_reward"], pen["normalize_reward"]])
    assert not any([gym["iql_deterministic"], antmaze["iql_deterministic"]])
    scaled = {task for task, row in gym["exceptions"].items() if row.get("normalize_reward")}
    deterministic = {task for task, row in gym["exceptions"].items() if row.get("iql_deterministic")}
    assert scaled == deterministic == {"hopper-medium-v2", "hopper-medium-replay-v2"}
    assert "hopper-medium and hopper-medium-replay alone (CORL)" in deviation(
        "iql", "reward scaling (transform return_range)"
    )
    assert "deterministic (CORL)" in deviation("iql", "actor on hopper-medium and hopper-medium-replay")
    for task in scaled:
        assert f"CORL {gym['exceptions'][task]['tau']} for hopper-medium" in deviation("iql", "target_rate")
    expert = gym["exceptions"]["hopper-medium-expert-v2"]
    assert f"CORL {expert['iql_tau']} for hopper-medium-expert" in deviation("iql", "expectile")
    assert f"CORL {expert['beta']:g} for hopper-medium-expert" in deviation("iql", "beta")


def test_idql_at_the_papers_commit(official):
    expected = official["IDQL"]["code_at_paper_6b071e7"]
    found, antmaze = resolve("idql", "hopper-medium-v2"), resolve("idql", "antmaze-umaze-v0")
    for ours, theirs in {
        "dropout": "actor_dropout",
        "actor_blocks": "actor_blocks",
        "actor_target_rate": "actor_tau",
        "schedule": "beta_schedule",
        "value_loss": "critic_objective",
    }.items():
        assert found.values[ours] == expected[theirs], ours
    assert found.diffusion_steps == expected["T"]
    assert found.num_updates == expected["max_steps"] - 1
    assert expected["batch_size"].startswith(
        str(found.values["actor_batch_size"] * found.values["actor_updates"])
    )
    assert f"so really {found.values['actor_batch_size']}" in expected["batch_size"]
    assert found.values["actor_layer_norm"] is (expected["actor_architecture"] == "ln_resnet")
    assert found.num_updates * found.values["actor_updates"] == expected["decay_steps"]
    assert expected["critic_hyperparam"] == "0.9 antmaze, 0.7 else"
    assert (found.values["expectile"], antmaze.values["expectile"]) == (0.7, 0.9)
    assert resolve("idql", "hopper-medium-v2", "paper_one").values["candidates"] == expected["N_train"]
    assert {32, 64, 128} <= set(expected["N_eval"])  # the paper's three are among them
    assert expected["datasets"] == "*-v2 gym, antmaze-*-v0"
    assert expected["actor_objective"] == "bc"
    assert "1 (the plain noise loss)" in deviation("idql_weighted", "weight of the noise loss")
    assert expected["train_split"].startswith("0.95")
    assert "0.95" in deviation("idql", "train_fraction")
    for variant in ("paper", "paper_one"):
        for checkpoints, episodes, seeds in evaluated("idql", variant).values():
            assert set(range(expected["eval_interval"], checkpoints[-1] + 1, expected["eval_interval"])) == {
                *checkpoints
            }
            assert episodes == {expected["eval_episodes"]}
            assert len(seeds) == expected["seeds"]


def test_evaluation_of_the_papers(official):
    """Episodes at each checkpoint of the experiment d4rl, and where its checkpoints are."""
    iql, tables = official["IQL"], official["Diffusion-QL"]
    for task, (_, episodes, seeds) in evaluated("iql").items():
        domain = iql["per_domain"]["antmaze"] if "antmaze" in task else iql["common"]
        assert episodes == {domain["eval_episodes"]}, task
        assert len(seeds) == 10
    for checkpoints, _, _ in (evaluated("iql")[task] for task in evaluated("iql") if "antmaze" in task):
        assert checkpoints[0] == iql["per_domain"]["antmaze"]["eval_interval"]
    assert f"every {iql['common']['eval_interval']} updates" in deviation("iql", "evaluation interval")
    assert tables["common"]["eval_episodes"].startswith('10 if "v2" in env name else 100')
    for task, (checkpoints, episodes, _) in evaluated("diffusion_ql").items():
        assert episodes == ({10} if "v2" in task else {100}), task
        row = tables["per_task"][task]
        assert checkpoints == [*range(row["eval_freq"] * 1000, row["num_epochs"] * 1000 + 1, 50_000)], task
    head = official["IDQL"]["code_at_HEAD_7582571"]
    assert f"{head['eval_episodes']} episodes every {head['eval_interval']} updates" in deviation(
        "idql", "evaluation"
    )
    assert set(map(str, head["N_eval"])) <= {
        word.strip(",;") for word in deviation("idql", "candidates").split()
    }
    assert "v2 in the current head" in deviation("idql", "antmaze datasets")
    assert head["datasets"].endswith("antmaze-*-v2")
    assert "KeyError on variant['T']" in deviation("idql", "launcher")
    assert all(
        'variant["T"]' in " ".join(official["IDQL"][at]["bugs"]) for at in official["IDQL"] if "code" in at
    )


class Recorded(dict):
    """A mapping that notes the paths of the values that were looked at."""

    def __init__(self, content, seen, path=()):
        super().__init__(content)
        self.seen, self.path = seen, path

    def __getitem__(self, key):
        value = super().__getitem__(key)
        if isinstance(value, dict):
            return Recorded(value, self.seen, (*self.path, key))
        self.seen.add((*self.path, key))
        return value

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def items(self):
        return [(key, self[key]) for key in self]

    def values(self):
        return [self[key] for key in self]


def leaves(content, path=()):
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield *path, key


# Official values that no line of a hyperparameter file holds, and what does. A name ending in * is a prefix.
HELD_ELSEWHERE = {
    "IQL.common.activation": "tests/algos/test_iql_reference.py: the plain module's",
    "IQL.common.layer_norm": "tests/algos/test_iql_reference.py: the plain module has none",
    "IQL.common.eval": "tests/algos/test_iql_reference.py, the mode",
    "IQL.common.eval_clip": "tests/algos/test_iql_reference.py",
    "IQL.common.advantage_uses": "tests/algos/test_iql_reference.py, three bugs that are found",
    "IQL.common.log_std_init": "tests/algos/test_iql_reference.py",
    "IQL.common.adam_eps": "tests/algos/test_networks.py: torch's default",
    "IQL.common.dropout_position": "tests/algos/test_iql_reference.py",
    "IQL.per_domain.antmaze.dataset": "the names of the tasks, above",
    "IQL.per_domain.kitchen_and_adroit.dataset": "the names of the tasks, above",
    "IQL.per_domain.gym-locomotion.reward": "tests/algos/datasets/test_transforms.py; its name, above",
    "IQL.per_domain.antmaze.reward": "tests/algos/datasets/test_transforms.py; its name, above",
    "IQL.per_domain.kitchen_and_adroit.reward": "its absence, above",
    "IQL.per_domain.antmaze_finetune.*": "online fine-tuning is out of scope",
    "Diffusion-QL.toy.*": "tests/algos/test_bandit.py",
    "Diffusion-QL.common.q_loss": "tests/algos/test_diffusion_ql.py",
    "Diffusion-QL.common.optimizer": "tests/algos/test_networks.py, test_diffusion_ql.py",
    "Diffusion-QL.common.grad_clip": "tests/algos/test_diffusion_ql.py, critics clipped apart",
    "Diffusion-QL.common.ema_use": "tests/algos/test_diffusion_ql.py, two bugs that are found",
    "Diffusion-QL.common.model_selection.*": "tests/paper_tables/test_scores.py",
    "Diffusion-QL.common.early_stop": "tests/paper_tables/test_scores.py",
    "Diffusion-QL.common.eval_seed": "tests/algos/test_evaluator.py; ours differs: a deviation",
    "Diffusion-QL.common.reward_tune.*": "tests/algos/datasets/test_transforms.py; names per task, above",
    "Diffusion-QL.common.normalize": "tests/algos/datasets/test_transforms.py",
    "IDQL.code_at_paper_6b071e7.M": "repeats of the last step: 0 is none",
    "IDQL.code_at_HEAD_7582571.M": "repeats of the last step: 0 is none",
    "IDQL.code_at_HEAD_7582571.seeds": "as at the paper's commit, above",
    "IDQL.code_at_HEAD_7582571.learner": "the file that the sources of variant release name",
    "IDQL.code_at_HEAD_7582571.author_note": "quoted in the deviations",
    "IDQL.code_at_HEAD_7582571.update_order": "tests/algos/test_idql.py",
    "IDQL.code_at_HEAD_7582571.value_layer_norm_place": "tests/algos/test_idql.py",
    "IDQL.code_at_HEAD_7582571.block": "tests/algos/test_idql.py",
    "IDQL.code_at_HEAD_7582571.ddpm_temperature": "noise_scale, 1 where no sampling setting says otherwise",
    "IDQL.actor_loss": "tests/algos/test_idql.py",
    "IDQL.extraction": "tests/algos/test_idql.py",
    "IDQL.finetune.*": "online fine-tuning is out of scope",
    "IDQL.iql_one_param.*": "a baseline of the paper that is not rerun",
    "EDP.code_defaults.schedule": "linear_scaled, with schedule_scale",
    "EDP.code_defaults.use_pred_astart": "tests/algos/test_edp.py: the clipped start guides",
    "EDP.code_defaults.diff_coef": "tests/algos/test_edp.py: the noise loss has weight 1",
    "EDP.code_defaults.dpm_t_end": "a deviation: 1/N",
    "EDP.code_defaults.crr_beta": "CRR is not built",
    "EDP.code_defaults.eval_period": "epochs between evaluations: the experiment's checkpoints",
    "EDP.code_defaults.eval_n_trajs": "the experiment's episodes",
    "EDP.code_defaults.reward": "tests/algos/datasets/test_transforms.py; their names per task, above",
    "EDP.code_defaults.q_normaliser": "tests/algos/test_edp.py",
    "EDP.code_defaults.EAS_critic": "tests/algos/test_edp.py",
    "EDP.code_defaults.dpm_order": "tests/algos/test_diffusion.py",
    "EDP.note": "the deviations of gradient_clip and candidates",
}
ABOUT_THE_FACTS = ("repo", "source", "source_constants")


def test_no_official_value_is_left_out(official):
    """Every value of the methods' blocks is looked at by a test above or named with what holds it."""
    seen = set()
    recorded = Recorded(official, seen)
    comparisons = [
        test_iql_common,
        test_corl_settings,
        test_corl_elsewhere,
        test_diffusion_ql_common,
        test_diffusion_ql_per_task,
        test_idql_paper,
        test_idql_release,
        test_idql_at_the_papers_commit,
        test_edp,
        test_evaluation_of_the_papers,
    ]
    for comparison in comparisons:
        comparison(recorded)
    for domain, task, reward in IQL_DOMAINS:
        test_iql_per_domain(recorded, domain, task, reward)
    blocks = {name: official[name] for name in ("IQL", "Diffusion-QL", "IDQL", "EDP", "CORL-IQL")}
    wanted = {path for path in leaves(blocks) if path[-1] not in ABOUT_THE_FACTS}
    left = {".".join(path) for path in wanted - seen}
    matched = {
        name: {path for path in left if path == name or (name[-1] == "*" and path.startswith(name[:-1]))}
        for name in HELD_ELSEWHERE
    }
    assert left - set().union(*matched.values()) == set()
    assert [name for name, paths in matched.items() if not paths] == [], "compared, and still listed"


# Known errors in released code, by number -> the rows that name them.
ERRORS_IN_CODE = {
    17: {"diffusion_ql": ["offline selection", "saved spread"]},
    18: {"idql": ["launcher", "seeds", "train_fraction", "critic_batch_size", "actor_updates"]},
    19: {"edp": ["candidates", "gradient_clip"]},
    20: {"diffusion_ql": ["lr_decay"]},
    21: {"diffusion_ql": ["evaluation_actor"]},
    22: {
        "iql": [
            "actor on hopper-medium and hopper-medium-replay",
            "target_rate",
            "beta",
            "expectile",
            "reward scaling (transform return_range)",
            "boundaries of return_range",
        ]
    },
    23: {"idql": ["optimiser", "value_layer_norm", "implicit_weights"]},
    24: {"diffusion_ql": ["schedule"], "idql": ["schedule"], "edp": ["schedule"]},
}


def test_every_error_in_released_code_has_its_rows(facts):
    text = (facts / "PUBLISHED_ERRORS.md").read_text(encoding="utf-8").split("## In the released code")[1]
    numbers = {int(line.split(".")[0]) for line in text.splitlines() if line[:1].isdigit()}
    assert numbers == set(ERRORS_IN_CODE)
    for rows in ERRORS_IN_CODE.values():
        for name, switches in rows.items():
            for switch in switches:
                assert deviation(name, switch)
    assert "argsort(loss) == k" in deviation("diffusion_ql", "offline selection")
    assert "99.9%" in deviation("diffusion_ql", "lr_decay")
    assert "every 1000 filtered rows (CORL)" in deviation("iql", "boundaries of return_range")
    assert "AdamW with optax's default decay 1e-4" in deviation("idql", "optimiser")
    assert "signed u" in deviation("idql", "implicit_weights")
    assert "times 1000/N" in deviation("edp", "schedule")
