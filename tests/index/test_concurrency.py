import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from edgeclip import errors
from edgeclip.index import place
from edgeclip.index.database import files
from tests.index.some import check, filled, opened, vector_of
from tests.index.threads import use, with_graph

WRITER = """
import sys
from pathlib import Path
from tests.index.some import opened, vector_of
with opened(Path(sys.argv[1])) as index:
    print("open", flush=True)
    sys.stdin.read()
"""
# Follows a writer: item n has the vector of "n version", and of all items the versions only rise.
READER = """
import json, sys, time
from pathlib import Path
import numpy as np
from tests.index.some import opened, stored, vector_of
folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
end, rounds, last = time.monotonic() + seconds, 0, -1
while time.monotonic() < end:
    with opened(folder, None, read_only=True) as index:
        for _ in range(20):
            found = index.search(vector_of("query"), count=5)
            assert len({match.key for match in found}) == len(found)
            keys, table = index.vectors()
            assert len(set(keys)) == len(keys)
            for key, vector in list(zip(keys, table))[rounds % 7 :: 7]:
                item = index.get(key)
                if item is None or item.metadata["version"] < 0:
                    continue
                name = f"{key} {item.metadata['version']}"
                assert np.array_equal(item.vector, stored(vector_of(name))), name
            marks = [index.get("mark").metadata["n"]] if "mark" in index else []
            assert all(mark >= last for mark in marks), (marks, last)
            last = max([last, *marks])
            rounds += 1
print(json.dumps({"rounds": rounds, "last": last}))
"""


def python(code: str, *given: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, given)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_second_writer_fails_fast_and_names_the_first(tmp_path):
    items = filled(tmp_path / "i", 10)
    with python(WRITER, tmp_path / "i") as writer:
        assert writer.stdout.readline() == "open\n"
        started = time.monotonic()
        with pytest.raises(errors.StoreLocked, match=rf"process {writer.pid} \(-c "):
            opened(tmp_path / "i")
        assert time.monotonic() - started < 4  # SQLite itself would wait for five
        with opened(tmp_path / "i", read_only=True) as reader:
            check(reader, items)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    with opened(tmp_path / "i") as index:
        check(index, items)
        with pytest.raises(errors.StoreLocked, match=f"process {os.getpid()}"):
            opened(tmp_path / "i")


def test_readers_in_other_processes_while_one_writes(tmp_path):
    seconds, log = 4.0, files(tmp_path / "i" / place.DATABASE)[1]
    choose, largest = random.Random(1), 0
    with opened(tmp_path / "i") as index:
        index.add("mark", vector_of("mark 0"), {"n": 0, "version": -1})
        readers = [python(READER, tmp_path / "i", seconds) for _ in range(2)]
        step = 0
        while any(reader.poll() is None for reader in readers):
            step += 1
            keys = [str(choose.randrange(200)) for _ in range(20)]
            index.add_many((k, vector_of(f"{k} {step}"), {"version": step}) for k in set(keys))
            index.remove_many(keys[:5])
            index.update("mark", {"n": step, "version": -1})
            if step % 40 == 0:
                index.compact()
            largest = max(largest, log.stat().st_size)
        for reader in readers:
            out, err = reader.communicate()
            assert reader.returncode == 0, err
            told = json.loads(out)
            assert told["rounds"] > 20 and told["last"] > 0
        assert index.verify().ok
    assert step > 20 and largest < 16 << 20


def test_reader_sees_what_was_written_before_it_asks(tmp_path):
    with opened(tmp_path / "i") as index, opened(tmp_path / "i", read_only=True) as reader:
        assert len(reader) == 0 and reader.dim is None
        for number in range(50):
            index.add(f"{number}", vector_of(number), {"n": number})
            assert reader.search(vector_of(number), count=1)[0].key == f"{number}"
        index.update("7", new_key="seven")
        assert "seven" in reader and "7" not in reader
        index.remove("seven")
        index.compact()
        assert reader.get("seven") is None and reader.count({"n": {"<": 10}}) == 9


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_eight_threads(precision, tmp_path):
    with opened(tmp_path / "i", precision=precision) as index:
        assert use(index, 2.5) == []
        assert index.verify().ok
        held = {key: index.get(key).vector for key in index}
        check(index, held)
    with opened(tmp_path / "i") as index:
        check(index, held)


@pytest.mark.skipif(not importlib.util.find_spec("hnswlib"), reason="no hnswlib")
def test_eight_threads_with_a_graph(tmp_path):
    report = with_graph(tmp_path / "i", 5.0)
    assert report.failed == [] and report.healthy
    assert report.recall >= 0.99


def test_forked_child_is_told_and_does_no_harm(tmp_path):
    items = filled(tmp_path / "i", 30)
    with opened(tmp_path / "i") as index:
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            told = []
            for call in (
                lambda: len(index),
                lambda: index.add("a", vector_of("a")),
                lambda: index.search(vector_of("a")),
                lambda: index.compact(),
            ):
                try:
                    call()
                    told.append("worked")
                except errors.StoreError as error:
                    told.append(str(error))
            index.close()
            os.write(into, json.dumps(told).encode())
            os._exit(0)
        os.close(into)
        with os.fdopen(out) as pipe:
            told = json.loads(pipe.read())
        os.waitpid(child, 0)
        assert len(told) == 4 and all("forked" in line and "Open it" in line for line in told)
        with pytest.raises(errors.StoreLocked):
            opened(tmp_path / "i")
        items["new"] = vector_of("new")
        index.add("new", items["new"])
        check(index, items)
        assert index.verify().ok
    with opened(tmp_path / "i") as index:
        check(index, items)


FORKS = """
import os, sys
from pathlib import Path
from tests.index.some import opened, vector_of
index = opened(Path(sys.argv[1]))
index.add("before", vector_of("before"))
child = os.fork()
if child == 0:
    sys.exit(0)  # ends as every program does: everything is taken down
os.waitpid(child, 0)
for number in range(100):
    index.add(f"{number}", vector_of(number))
print(index.verify().ok, len(index), flush=True)
os._exit(0)  # without closing
"""


def test_forked_child_that_ends_takes_nothing_down(tmp_path):
    with python(FORKS, tmp_path / "i") as parent:
        out, err = parent.communicate()
    assert out == "True 101\n", err
    with opened(tmp_path / "i") as index:
        assert len(index) == 101 and index.verify().ok and not index.notes


def test_interrupt_of_the_main_thread_leaves_the_index_usable(tmp_path):
    code = """
import sys, time
from pathlib import Path
from tests.index.some import check, opened, vector_of
index = opened(Path(sys.argv[1]))
print("open", flush=True)
known, number, interrupts = {}, 0, 0
while interrupts < 30:
    try:
        while True:
            index.add(f"{number}", vector_of(number))
            known[f"{number}"] = vector_of(number)
            number += 1
    except KeyboardInterrupt:
        interrupts += 1
        if f"{number}" in index:
            known[f"{number}"] = vector_of(number)
            number += 1
        assert len(index) == len(known), (len(index), len(known))
        print(interrupts, flush=True)
check(index, known)
assert index.verify().ok
index.close()
"""
    with python(code, tmp_path / "i") as child:
        watchdog = threading.Timer(30, child.kill)
        watchdog.start()
        child.stdout.readline()
        choose = random.Random(0)
        for _ in range(30):
            time.sleep(choose.uniform(0.005, 0.03))
            child.send_signal(signal.SIGINT)
            if not child.stdout.readline():
                break
        _, err = child.communicate()
        watchdog.cancel()
    assert child.returncode == 0, err
    with opened(tmp_path / "i") as index:
        assert index.verify().ok
