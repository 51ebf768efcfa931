"""The device that a run uses, in words."""

from __future__ import annotations

from typing import Any

from recheck.versions import cpu_model


def device_model(device: Any) -> str:
    """The model of a torch device: the GPU's name, or ``CPU: <processor>``."""
    if device.type == "cuda":
        import torch

        return str(torch.cuda.get_device_name(device))
    return f"CPU: {cpu_model()}"
