"""Bars on a terminal, nothing elsewhere."""

import io
import sys

import pytest
from edgeclip_export.progress import Bars


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell(bars: Bars) -> None:
    bars("fetching", 10, 100)
    bars("fetching", 100, 100)
    bars("writing image.onnx", 0, None)


def test_a_terminal_sees_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bars() as bars:
        tell(bars)
    assert "fetching: 100%" in terminal.getvalue()
    assert "writing image.onnx" in terminal.getvalue()


def test_a_log_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with Bars() as bars:
        tell(bars)
    assert log.getvalue() == ""
