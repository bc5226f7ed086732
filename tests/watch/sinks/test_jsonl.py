import io
import json
import subprocess
import sys

import pytest

from edgeclip.errors import EdgeclipError
from edgeclip.watch.sinks.jsonl import JsonLines
from tests.watch.sinks.some import event


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_line_for_each_state_is_there_at_once(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    sink(event(1, "started"))
    assert [line["state"] for line in lines(path)] == ["started"]
    sink(event(1))
    sink.close()
    sink.close()
    assert lines(path) == [event(1, "started").record(), event(1).record()]
    with pytest.raises(ValueError, match="is closed"):
        sink(event(2))


def test_a_file_grows_over_restarts_and_a_torn_line_costs_only_itself(tmp_path):
    path = tmp_path / "events.jsonl"
    JsonLines(path)(event(1))
    with path.open("ab") as file:
        file.write(b'{"id": "half')
    sink = JsonLines(str(path))
    sink(event(2))
    sink(event(3))
    found = path.read_text("utf-8").splitlines()
    assert [json.loads(line)["id"][-1] for line in (found[0], *found[2:])] == ["1", "2", "3"]
    assert sink.notes == []


def test_a_stream_is_flushed_and_stays_open():
    stream = io.StringIO()
    sink = JsonLines(stream)
    sink(event())
    sink.close()
    assert json.loads(stream.getvalue()) == event().record() and not stream.closed


def test_a_stream_that_fails_raises():
    stream = io.StringIO()
    sink = JsonLines(stream)
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        sink(event())


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(EdgeclipError, match=r"missing/e cannot be written: .*Make the folder"):
        JsonLines(tmp_path / "missing" / "e")


def test_a_full_disk_is_told_and_events_go_on():
    sink = JsonLines("/dev/full")
    sink(event(1))
    assert sink.notes == [
        "Events are missing in /dev/full: No space left on device. Free some space, or choose "
        "another place."
    ]
    sink(event(2))
    assert sink.lost == 2 and len(sink.notes) == 1
    sink.close()


LIMITED = """
import resource, signal, sys
from edgeclip.watch.sinks.jsonl import JsonLines
from tests.watch.sinks.some import event
sink = JsonLines(sys.argv[1])
sink(event(1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
sink(event(2))  # a part of it fits
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
sink(event(3))
print(sink.notes)
"""


def test_a_line_that_fits_in_part_spoils_no_other(tmp_path):
    path = tmp_path / "events.jsonl"
    size = len(json.dumps(event(1).record())) + 50
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(size)], capture_output=True, text=True
    )
    assert done.stdout.startswith("['Events are missing"), done.stderr
    found = path.read_text("utf-8").splitlines()
    assert [json.loads(line)["id"][-1] for line in (found[0], found[2])] == ["1", "3"]
