"""The planner that walks D4RL's mazes."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.recollect.catalogue import Planner


def shortest_path(
    maze_map: list[list[Any]], start: tuple[int, int], target: tuple[int, int]
) -> list[tuple[int, int]]:
    """Cells from `start` to `target`, both included, through cells that are not walls (1), breadth first.

    Raises DatasetError where there is no way.
    """
    came_from: dict[tuple[int, int], tuple[int, int] | None] = {start: None}
    queue = deque([start])
    while queue and target not in came_from:
        row, column = queue.popleft()
        for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if cell not in came_from and maze_map[cell[0]][cell[1]] != 1:
                came_from[cell] = (row, column)
                queue.append(cell)
    if target not in came_from:
        raise DatasetError(f"The maze has no way from cell {start} to cell {target}.")
    path = [target]
    while (before := came_from[path[-1]]) is not None:
        path.append(before)
    return path[::-1]


class MazeWalker:
    """Chooses targets and forces for one point in one maze, cell by cell along shortest paths."""

    def __init__(self, maze: Any, settings: Planner, random: np.random.Generator) -> None:
        self.maze, self.settings, self.random = maze, settings, random
        self.cells = [
            (row, column)
            for row, line in enumerate(maze.maze_map)
            for column, content in enumerate(line)
            if content != 1
        ]
        self.waypoints: list[np.ndarray] = []
        self.target = np.zeros(2)

    def cell_of(self, position: np.ndarray) -> tuple[int, int]:
        """The cell that holds a position [2] in metres."""
        row, column = self.maze.cell_xy_to_rowcol(position)
        return int(row), int(column)

    def centre_of(self, cell: tuple[int, int]) -> np.ndarray:
        """The centre [2] of a cell in metres."""
        return np.asarray(self.maze.cell_rowcol_to_xy(np.asarray(cell)), dtype=np.float64)

    def choose_target(self, position: np.ndarray) -> None:
        """Draw a target in another cell and plan the way there."""
        here = self.cell_of(position)
        others = [cell for cell in self.cells if cell != here]
        self.go_to(position, others[int(self.random.integers(len(others)))])

    def go_to(self, position: np.ndarray, cell: tuple[int, int]) -> None:
        """Plan the way from a position [2] to a cell's centre."""
        path = shortest_path(self.maze.maze_map, self.cell_of(position), cell)
        self.waypoints = [self.centre_of(step) for step in path[1:] or path]
        self.target = self.waypoints[-1]

    def act(self, observation: np.ndarray) -> np.ndarray:
        """The force [2] for an observation [x, y, velocity x, velocity y]; takes a new target on arrival."""
        position, velocity = observation[:2], observation[2:]
        if not self.waypoints:
            self.choose_target(position)
        if np.linalg.norm(position - self.waypoints[0]) < self.settings.target_radius:
            self.waypoints.pop(0)
            if not self.waypoints:
                self.choose_target(position)
        force = self.settings.position_gain * (self.waypoints[0] - position)
        force = force - self.settings.velocity_gain * velocity
        force = force + self.settings.action_noise * self.random.standard_normal(2)
        result: np.ndarray = np.clip(force, -1.0, 1.0).astype(np.float32)
        return result
