"""What an experiment cost: device hours, energy, money, from measured times and a small editable table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from recheck.words import how_many

from paper_tables.config import load

BLOCK = ["method", "task", "variant", "digest", "diffusion_steps", "seeds"]


@dataclass(frozen=True)
class Device:
    """An hour of one device: a GPU, or one core of a CPU.

    Attributes:
        match: part of the device's name by which it is found.
        kind: `gpu` or `cpu_core`.
        power_watts: electric power.
        price_per_hour: currency per hour; None for a machine of one's own.
    """

    match: str
    kind: str
    power_watts: float
    price_per_hour: float | None


@dataclass(frozen=True)
class Prices:
    """The whole table of `config/cost.yaml`."""

    currency: str
    electricity_price_per_kwh: float
    power_usage_effectiveness: float
    devices: tuple[Device, ...]

    def device(self, name: str | None) -> Device | None:
        """The row of a device by its name; None where no row matches."""
        lowered = (name or "").lower()
        return next((device for device in self.devices if device.match.lower() in lowered), None)

    def energy_kwh(self, device: Device, hours: float) -> float:
        """Kilowatt-hours of so many hours, the data centre's overhead included."""
        return hours * device.power_watts / 1000 * self.power_usage_effectiveness

    def money(self, device: Device, hours: float) -> float:
        """Price of so many hours in `currency`."""
        if device.price_per_hour is None:
            return self.energy_kwh(device, hours) * self.electricity_price_per_kwh
        return hours * device.price_per_hour


def load_prices(path: Path | None = None) -> Prices:
    """Read the cost table; another file of the same form may be given.

    Raises:
        TablesError: the file is absent or breaks its schema.
    """
    content = load("cost", path)
    return Prices(
        currency=content["currency"],
        electricity_price_per_kwh=float(content["electricity_price_per_kwh"]),
        power_usage_effectiveness=float(content["power_usage_effectiveness"]),
        devices=tuple(
            Device(
                str(row["match"]),
                row["kind"],
                float(row["power_watts"]),
                None if row["price_per_hour"] is None else float(row["price_per_hour"]),
            )
            for row in content["devices"]
        ),
    )


def training_blocks(cost: pd.DataFrame) -> pd.DataFrame:
    """One row per trained block with `train_hours`, of the block and `per_seed_hours`.

    A block is evaluated under several sampling settings and sizes of policy call; it was trained once.

    Args:
        cost: rows of the schema `cost`, further columns are kept.
    """
    blocks = cost.drop_duplicates(BLOCK).copy()
    measured = blocks["train_wall_seconds"]
    estimated = blocks["seconds_per_update"] * blocks["num_updates"]
    blocks["train_hours"] = measured.where(measured.notna(), estimated) / 3600
    blocks["per_seed_hours"] = blocks["train_hours"] / blocks["num_seeds"]
    return blocks


def cost_table(labelled: pd.DataFrame, prices: Prices) -> tuple[pd.DataFrame, list[str]]:
    """Cost of training per configuration and kind of device.

    Args:
        labelled: rows of the schema `cost` with a `label`.
        prices: the editable table.

    Returns:
        Columns `label`, `device`, `kind`, `runs`, `hours`, `energy_kwh`, `money`, `currency`; and one
        message for each device or time that is missing.
    """
    rows, missing = [], []
    blocks = training_blocks(labelled)
    blocks["device"] = blocks["device"].where(blocks["device"].notna(), "unknown device")
    for (label, name), group in blocks.groupby(["label", "device"], sort=True):
        timed = group[group["train_hours"].notna()]
        if len(timed) < len(group):
            missing.append(
                f"{how_many(len(group) - len(timed), 'block')} of {label} without a training time."
            )
        if timed.empty:
            continue
        hours = float(timed["train_hours"].sum())
        device = prices.device(str(name))
        if device is None:
            missing.append(f"The cost table has no row for the device '{name}' of {label}: hours only.")
        rows.append(
            {
                "label": label,
                "device": name,
                "kind": device.kind if device else "unknown",
                "runs": int(timed["num_seeds"].sum()),
                "hours": hours,
                "energy_kwh": prices.energy_kwh(device, hours) if device else None,
                "money": prices.money(device, hours) if device else None,
                "currency": prices.currency,
            }
        )
    columns = ["label", "device", "kind", "runs", "hours", "energy_kwh", "money", "currency"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"hours": float, "energy_kwh": float, "money": float}), missing


def pareto_front(cost: list[float], score: list[float]) -> list[int]:
    """Places of the points that no other point beats: none is at most as costly and scores at least as high.

    Args:
        cost: lower is better.
        score: higher is better, equally long.

    Returns:
        Indices in the order of cost.
    """
    order = sorted(range(len(cost)), key=lambda place: (cost[place], -score[place]))
    front: list[int] = []
    for place in order:
        if not front or score[place] > score[front[-1]]:
            front.append(place)
    return front
