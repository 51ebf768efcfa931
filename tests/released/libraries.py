"""Libraries that released programs import and this project does not."""

from typing import Any

import pytest


def library(*names: str) -> Any:
    """The first of these libraries; where one of them is not installed the test is skipped."""
    found = [
        pytest.importorskip(name, reason=f"{name}, which the release imports, is not installed")
        for name in names
    ]
    return found[0]
