import dataclasses
import json

import numpy as np
import pytest

from tests.watch.sinks.some import event


def test_a_record_is_json_with_times_and_zone():
    record = json.loads(json.dumps(event().record()))
    assert record["start"] == "2026-05-01T12:01:00.000+02:00"
    assert record["end"] == "2026-05-01T12:01:05.000+02:00"
    assert record["box"] == [0.0, 0.25, 0.5, 1.0] and record["state"] == "ended"
    assert set(record) == {each.name for each in dataclasses.fields(event())} - {
        "picture",
        "vector",
    }


def test_numbers_of_numpy_become_plain_ones():
    found = event(
        score=np.float32(0.5), box=tuple(np.float32([0, 0, 1, 1])), clock_set=np.bool_(True)
    )
    record = json.loads(json.dumps(found.record()))
    assert record["score"] == 0.5 and record["box"] == [0, 0, 1, 1] and record["clock_set"] is True


def test_a_running_event_has_no_end_and_maybe_no_box():
    record = event(state="started", box=None).record()
    assert record["end"] is None and record["box"] is None


def test_an_event_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        event().score = 1.0


def test_an_event_is_told_without_its_pixels():
    told = repr(event())
    assert told.startswith("Event(id='door-person-000001', camera='door', rule='person'")
    assert "picture" not in told and "vector" not in told and "array" not in told
