"""Where the files of `workflow/` are that the packages read: in the checkout, or inside a wheel."""

from pathlib import Path

# A wheel carries the folder `workflow` without its code here (pyproject.toml).
_INSTALLED = Path(__file__).with_name("shipped_files")

# The folder that holds `workflow/`.
ROOT = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).resolve().parents[3]
