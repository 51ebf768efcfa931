"""The base class that Snakemake's logger interface gives, with types.

The interface package has no type information (``py.typed``), so a type checker sees its classes as ``Any``.
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:

    class LogHandlerBase(logging.Handler):
        """Base class of logger plugins."""

        common_settings: Any

else:
    from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.common import LogEvent

__all__ = ["ColorizingTextHandler", "LogEvent", "LogHandlerBase"]
