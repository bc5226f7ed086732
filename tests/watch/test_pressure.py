from __future__ import annotations

import pytest

from edgeclip.watch.pressure import Pressure

TOLD = "some avg10={} avg60=0.00 avg300=0.00 total=1\nfull avg10=99.00 avg60=0.00 total=0\n"


def passed(pressure: Pressure, begin: int, seconds: int) -> int:
    return sum(pressure.passes(float(second)) for second in range(begin, begin + seconds))


def test_while_memory_is_short_ever_fewer_frames_are_looked_at(tmp_path):
    file = tmp_path / "memory"
    file.write_text(TOLD.format("0.50"))
    pressure = Pressure(file)
    assert passed(pressure, 0, 100) == 100
    file.write_text(TOLD.format("45.00"))
    assert 10 <= passed(pressure, 100, 100) < 25
    assert 10 <= passed(pressure, 200, 100) < 15  # and never none
    file.write_text(TOLD.format("0.00"))
    passed(pressure, 300, 20)
    assert passed(pressure, 320, 100) == 100


@pytest.mark.parametrize("text", [None, "", "nonsense", "some avg10=x"])
def test_where_nothing_is_told_nothing_is_passed_over(tmp_path, text):
    file = tmp_path / "memory"
    if text is not None:
        file.write_text(text)
    assert passed(Pressure(file), 0, 50) == 50
