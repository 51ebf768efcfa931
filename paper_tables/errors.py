"""The one error class of this package."""


class TablesError(ValueError):
    """A table, layout or index that cannot be used; the message says what, where and what is allowed."""
