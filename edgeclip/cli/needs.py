"""The option ``--need``: in any case, and by the coach's own words, too."""

from __future__ import annotations

from typing import Any

import click

from edgeclip.advice.choices import NEEDS

_ALSO = {
    "binding": "attributes",
    "identity": "alike",
    "reading": "text",
    "length": "long",
    "vague": "search",
}


class Need(click.Choice):  # type: ignore[type-arg]
    """One of the needs that the table of models knows."""

    def __init__(self) -> None:
        super().__init__(NEEDS, case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the table's own word."""
        return super().convert(_ALSO.get(str(value).lower(), value), param, ctx)
