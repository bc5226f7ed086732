import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeclip.index import failpoints, place
from tests.index.crash import DIED, spoil_head
from tests.index.some import check, filled, opened, vector_of
from tests.patience import PATIENCE_S

CODE = Path(failpoints.__file__).parent
# What has to do with the graph is tested beside it.
CORE = [step for step in failpoints.STEPS if not step.startswith(("cache.", "graph."))]
# These are reached often: later times are other places.
LATER = {
    "write.begin": [6],
    "write.row": [7, 40, 130, 200],
    "write.before-commit": [6, 9],
    "write.committed": [6],
    "checkpoint.before": [2],
    "checkpoint.after": [2],
    "salvage.done": [],
}
TIMES = [(step, count) for step in CORE for count in [1, *LATER.get(step, [])]]


def child(folder: Path, step: str, count: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.index.crash", str(folder), step, str(count), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def states(output: str) -> tuple[dict[str, str], dict[str, str | None]]:
    """What was acknowledged, and what was being done."""
    sure: dict[str, str | None] = {}
    doing: dict[str, str | None] = {}
    for line in output.splitlines():
        told = json.loads(line)
        doing = {} if told["done"] else told["changes"]
        if told["done"]:
            sure |= told["changes"]
    return {key: version for key, version in sure.items() if version is not None}, doing


def settled(index, sure: dict[str, str], doing: dict[str, str | None]) -> dict[str, str]:
    """What must be there: of what was being done, each item is as before or as after."""
    for key, version in doing.items():
        item = index.get(key)
        allowed = {sure.get(key), version}
        found = None if item is None else item.metadata["of"]
        assert found in allowed, key
        sure.pop(key, None)
        if found is not None:
            sure[key] = found
    return sure


def test_all_steps_are_named():
    reached = set()
    for path in CODE.rglob("*.py"):
        reached |= set(re.findall(r'\breach\(\s*"([^"]+)"', path.read_text()))
    assert reached == set(failpoints.STEPS)
    assert len(failpoints.STEPS) == len(set(failpoints.STEPS))


def test_scenario_reaches_the_core_and_ends_well(tmp_path):
    ended = child(tmp_path / "i", "none", 1)
    assert ended.returncode == 0, ended.stderr
    sure, doing = states(ended.stdout)
    assert len(sure) > 90 and not doing
    with opened(tmp_path / "i", None) as index:
        check(index, {key: vector_of(version) for key, version in sure.items()})
        assert not index.notes and index.verify().ok


@pytest.mark.parametrize(("step", "count"), TIMES)
def test_nothing_is_lost_at(step, count, tmp_path):
    ended = child(tmp_path / "i", step, count)
    assert ended.returncode == DIED, f"{step} is not reached: {ended.stderr}"
    sure, doing = states(ended.stdout)
    with opened(tmp_path / "i") as index:
        assert not (step == "close.closed" and index.notes)  # nothing is missing
        sure = settled(index, sure, doing)
        check(index, {key: vector_of(version) for key, version in sure.items()})
        assert index.verify().ok
        index.add("afterwards", vector_of("afterwards"))
    left = {path.name for path in (tmp_path / "i").iterdir()}
    assert left <= {"store.db", "cache", "lock", "ballast", "quarantine"}
    with opened(tmp_path / "i", None, read_only=True) as index:
        assert len(index) == len(sure) + 1 and not index.notes
    copy = tmp_path / "copy"
    if not copy.exists():
        with opened(tmp_path / "i", None, read_only=True) as index:
            index.backup(copy)
    with opened(copy, None) as index:
        assert index.verify().ok
    assert {path.name for path in tmp_path.iterdir()} == {"i", "copy"}


@pytest.mark.parametrize("step", ["marked", "log-gone", "switched"])
def test_a_salvage_that_was_killed_is_told(step, tmp_path):
    folder = tmp_path / "i"
    items = filled(folder, 50)
    with opened(folder):
        as_if_stopped = (folder / place.LOCK).read_bytes()
    spoil_head(folder / place.DATABASE)
    (folder / place.LOCK).write_bytes(as_if_stopped)
    assert child(folder, f"salvage.{step}", 1, "recover").returncode == DIED
    with opened(folder) as index:
        check(index, items)
        (note,) = index.notes
    assert "salvage was interrupted: it is finished" in note


def test_recovery_that_is_killed_again_and_again_comes_to_an_end(tmp_path):
    items = filled(tmp_path / "i", 50)
    spoil_head(tmp_path / "i" / place.DATABASE)
    steps = [step for step in CORE if step.startswith("salvage.")]
    for step in steps:
        child(tmp_path / "i", step, 1, "recover")
    with opened(tmp_path / "i") as index:
        check(index, items)
