"""glibc's thresholds while graphs are opened: seen through glibc itself, and through a record."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclip.model import allocator

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
SCRIPT = """
import ctypes, threading
from edgeclip.model.allocator import weights_apart

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def apart(megabytes):
    before = libc.mallinfo2().hblks
    block = libc.malloc(megabytes << 20)
    found = libc.mallinfo2().hblks - before
    if found:
        libc.free(block)  # what lies on the heap stays: a gap there would be used again first
    return found == 1

def check(expected):
    found = [apart(size) for size in (1, 8, 33)]
    assert found == expected, found

apart(8)  # a decoded picture comes and goes: glibc takes such blocks from the heap from now on
"""
HEAP, APART = [False, False, True], [True, True, True]


def in_child(code: str, **environment: str) -> None:
    """Run code after `SCRIPT`, in a process whose thresholds nobody has touched."""
    known = {key: value for key, value in os.environ.items() if key not in allocator._OWN}
    command = [sys.executable, "-c", f"{SCRIPT}\nHEAP, APART = {HEAP}, {APART}\n{code}"]
    done = subprocess.run(command, env=known | environment, capture_output=True, text=True)
    if "mallinfo2" in done.stderr:
        pytest.skip("this glibc is older than 2.33, and cannot be asked")
    assert done.returncode == 0, done.stderr


@glibc
def test_large_blocks_lie_apart_while_a_graph_is_opened_and_only_then():
    in_child("""
check(HEAP)
for _ in range(2):
    with weights_apart():
        check(APART)
        check(APART)  # what is freed does not raise the size again
    check(HEAP)
""")


@glibc
def test_a_graph_that_cannot_be_opened_leaves_nothing_behind():
    in_child("""
try:
    with weights_apart():
        raise ValueError
except ValueError:
    check(HEAP)
else:
    raise SystemExit("it was swallowed")
""")


@glibc
def test_who_finishes_first_takes_nothing_from_the_others():
    in_child("""
with weights_apart():
    with weights_apart():
        pass
    check(APART)
    def other():
        with weights_apart():
            pass
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    check(APART)
check(HEAP)
""")


@glibc
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MALLOC_MMAP_THRESHOLD_", "2097152", [False, True, True]),
        ("MALLOC_TRIM_THRESHOLD_", "131072", None),
        ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=2097152", [False, True, True]),
    ],
)
def test_who_has_chosen_the_thresholds_keeps_them(name, value, expected):
    in_child(
        f"""
before = [apart(size) for size in (1, 8, 33)]
with weights_apart():
    check({expected} or before)
check({expected} or before)
""",
        **{name: value},
    )


@pytest.fixture
def record(monkeypatch):
    """Note what is told to the C library."""
    for name in allocator._OWN:
        monkeypatch.delenv(name, raising=False)
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(allocator, "_mallopt", lambda: lambda *call: calls.append(call))
    return calls


LOW = (allocator._M_MMAP_THRESHOLD, allocator._LOW)
HIGH = (allocator._M_MMAP_THRESHOLD, allocator._HIGH)
TRIM = (allocator._M_TRIM_THRESHOLD, allocator._TRIM)


def test_what_the_c_library_is_told(record):
    with allocator.weights_apart():
        assert record == [LOW]
    assert record == [LOW, HIGH, TRIM]


@pytest.mark.parametrize("name", allocator._OWN)
def test_nothing_is_told_to_who_has_chosen(record, monkeypatch, name):
    monkeypatch.setenv(name, "x")
    with allocator.weights_apart():
        pass
    assert record == []


@given(st.lists(st.integers(0, 3), max_size=30))
def test_any_order_of_graphs(steps):
    """Each step opens the graph of that number, or closes it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in allocator._OWN:
            patch.delenv(name, raising=False)
        calls: list[tuple[int, int]] = []
        patch.setattr(allocator, "_mallopt", lambda: lambda *call: calls.append(call))
        opened = {}
        for step in steps:
            if step in opened:
                opened.pop(step).__exit__(None, None, None)
            else:
                opened[step] = allocator.weights_apart()
                opened[step].__enter__()
            assert calls[-1] == (LOW if opened else TRIM)
            assert [call for call in calls if call != TRIM][-1] == (LOW if opened else HIGH)
        for each in opened.values():
            each.__exit__(None, None, None)
        assert allocator._open == 0


def test_threads_never_find_it_high_while_they_open(record, monkeypatch):
    """A thread that is done must not raise it between another's start and its opening."""
    start, finished = threading.Barrier(2), threading.Event()

    def slow(*call):
        if call == HIGH:
            start.wait(5)  # now the other one comes
            finished.wait(0.2)  # it gets this far only if nobody makes it wait
        record.append(call)

    monkeypatch.setattr(allocator, "_mallopt", lambda: slow)
    seen = []

    def first():
        with allocator.weights_apart():
            pass

    thread = threading.Thread(target=first)
    thread.start()
    start.wait(5)
    monkeypatch.setattr(allocator, "_mallopt", lambda: lambda *call: record.append(call))
    with allocator.weights_apart():
        finished.set()
        thread.join()
        seen.append([call for call in record if call != TRIM][-1])
    assert seen == [LOW]


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_another_c_library(monkeypatch, error):
    def refuse(_):
        raise error

    monkeypatch.setattr(allocator.ctypes, "CDLL", refuse)
    assert allocator._mallopt() is None
    with allocator.weights_apart():
        pass
