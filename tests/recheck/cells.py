"""Cells of a plan."""

from recheck import paths


def finish(root, cell):
    folder = root / cell.run_folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in paths.RUN_FILES:
        (folder / name).write_text("x")
