"""Hyperparameters of small Diffusion-QL and diffusion BC."""

from algos.diffusion_ql import DiffusionBC

HYPERPARAMETERS = {
    "batch_size": 8,
    "discount": 0.99,
    "eta": 0.8,
    "max_q_backup": False,
    "max_q_backup_actions": 3,
    "actor_learning_rate": 1e-3,
    "critic_learning_rate": 3e-3,
    "lr_decay": "described",
    "epoch_updates": 10,
    "released_decay_epochs": 2,
    "gradient_clip": 1.5,
    "target_rate": 0.05,
    "ema_decay": 0.8,
    "ema_start": 10,
    "ema_every": 5,
    "hidden_sizes": [16, 16, 16],
    "time_embedding_size": 8,
    "initialiser": "torch_default",
    "evaluation_actor": "online",
    "offline_top_k": 0,
    "schedule": "vp",
    "ddpm_form": "posterior",
    "noise_loss_reduction": "mean",
    "candidates": 6,
    "candidate_temperature": 1.0,
    "extraction": "softmax",
}


BC_HYPERPARAMETERS = {
    name: HYPERPARAMETERS[name] for name in DiffusionBC.HYPERPARAMETERS if name in HYPERPARAMETERS
}
