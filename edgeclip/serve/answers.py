"""Answers: JSON that can carry every key, also names of files that are no UTF-8."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import JSONResponse


class Json(JSONResponse):
    """JSON in ASCII: half of a surrogate pair, as Python reads odd bytes of names, is escaped."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
