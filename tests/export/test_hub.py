"""Downloads with the real client in a process of its own, from a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.export.hub_server import COMMIT, Hub, serve

REPOSITORY = "someone/Weights-OpenCLIP"
CONTENT = bytes(range(256)) * 16_384  # 4 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = "open_clip_model.safetensors"

# HF_ENDPOINT and HF_HUB_OFFLINE are read when the client is imported: hence a process each.
SCRIPT = """
import json, sys
from edgeclip.errors import EdgeclipError
from edgeclip_export import hub
hub._PAUSE_S = 0.01
heard = []
arguments = json.loads(sys.argv[1])
try:
    found = hub.fetch(*arguments["args"], **arguments["kwargs"],
                      progress=lambda *told: heard.append(told))
    answer = {"path": str(found.path), "file": found.file, "commit": found.commit,
              "sha256": found.sha256}
except EdgeclipError as error:
    answer = {"error": str(error), "type": type(error).__name__}
assert "torch" not in sys.modules
print(json.dumps({**answer, "heard": heard}))
"""


@pytest.fixture
def hub() -> Any:
    with serve(Hub(REPOSITORY, {FILE: CONTENT})) as running:
        yield running


def fetch(tmp_path: Path, url: str, *files: str, offline: bool = False, **kwargs: Any) -> Any:
    environment = {
        **os.environ,
        "HF_ENDPOINT": url,
        "HF_HOME": str(tmp_path / "hf"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "PYTHONPATH": os.pathsep.join(["export", ".", os.environ.get("PYTHONPATH", "")]),
    }
    arguments = json.dumps({"args": [REPOSITORY, files or [FILE]], "kwargs": kwargs})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def parts(tmp_path: Path) -> list[Path]:
    return list(tmp_path.rglob("*.part"))


def test_fetches_by_revision_checks_and_tells_progress(tmp_path: Path, hub: Hub) -> None:
    found = fetch(tmp_path, hub.url, revision=COMMIT, sha256={FILE: SHA256})
    assert Path(found["path"]).read_bytes() == CONTENT
    assert (found["commit"], found["sha256"], found["file"]) == (COMMIT, SHA256, FILE)
    assert found["heard"][-1] == [f"{REPOSITORY}/{FILE}", len(CONTENT), len(CONTENT)]
    assert not parts(tmp_path)


def test_resolves_the_newest_commit_and_falls_back_to_the_second_name(
    tmp_path: Path, hub: Hub
) -> None:
    found = fetch(tmp_path, hub.url, "absent.safetensors", FILE)
    assert (found["file"], found["commit"]) == (FILE, COMMIT)


def test_a_second_fetch_of_a_commit_needs_no_network(tmp_path: Path, hub: Hub) -> None:
    fetch(tmp_path, hub.url)
    asked = len(hub.requests)
    found = fetch(tmp_path, hub.url, offline=True, revision=COMMIT)
    assert found["sha256"] == SHA256
    assert len(hub.requests) == asked


@pytest.mark.parametrize("reset", [False, True])
def test_goes_on_after_a_cut(tmp_path: Path, hub: Hub, reset: bool) -> None:
    hub.cuts, hub.reset = [1_000_000, 700_000], reset
    found = fetch(tmp_path, hub.url, revision=COMMIT)
    assert Path(found["path"]).read_bytes() == CONTENT
    ranges = hub.gets()
    assert ranges[0] is None and len(ranges) == 3 and all(ranges[1:])
    if not reset:  # a reset may swallow bytes that were under way
        assert ranges[1:] == ["bytes=1000000-", "bytes=1700000-"]


def test_goes_on_in_another_process(tmp_path: Path, hub: Hub) -> None:
    hub.cuts = [3_000_000] + [0] * 100
    failed = fetch(tmp_path, hub.url, revision=COMMIT)
    assert failed["type"] == "CheckpointError"
    (part,) = parts(tmp_path)
    assert part.stat().st_size == 3_000_000
    hub.cuts.clear()
    hub.requests.clear()
    found = fetch(tmp_path, hub.url, revision=COMMIT)
    assert hub.gets() == ["bytes=3000000-"]
    assert Path(found["path"]).read_bytes() == CONTENT


def test_bytes_with_another_digest_are_deleted(tmp_path: Path, hub: Hub) -> None:
    hub.etags[FILE] = "ab" * 32
    failed = fetch(tmp_path, hub.url)
    assert "has SHA-256" in failed["error"] and "deleted" in failed["error"]
    assert not parts(tmp_path)


def test_another_file_than_the_recipe_names_is_not_even_fetched(tmp_path: Path, hub: Hub) -> None:
    failed = fetch(tmp_path, hub.url, revision=COMMIT, sha256={FILE: "cd" * 32})
    assert "Do not use it" in failed["error"]
    assert hub.gets() == []


def test_a_damaged_cache_is_fetched_again(tmp_path: Path, hub: Hub) -> None:
    first = fetch(tmp_path, hub.url)
    Path(first["path"]).write_bytes(CONTENT[:-1] + b"!")
    again = fetch(tmp_path, hub.url, revision=COMMIT)
    assert Path(again["path"]).read_bytes() == CONTENT


@pytest.mark.parametrize("offline", [False, True])
def test_no_network_tells_how_to_bring_a_file(tmp_path: Path, offline: bool) -> None:
    failed = fetch(tmp_path, "http://127.0.0.1:9", revision=COMMIT, offline=offline)
    assert failed["type"] == "CheckpointError"
    message = failed["error"]
    assert "\n" not in message
    assert all(word in message for word in (REPOSITORY, FILE, COMMIT, "--checkpoint FILE"))


@pytest.mark.parametrize(
    ("files", "revision", "words"),
    [(["absent.bin"], COMMIT, "has none of absent.bin"), ([FILE], "v9", "cannot be fetched")],
)
def test_what_the_hub_does_not_have(
    tmp_path: Path, hub: Hub, files: list[str], revision: str, words: str
) -> None:
    failed = fetch(tmp_path, hub.url, *files, revision=revision)
    assert words in failed["error"]
    assert failed["type"] == "CheckpointError"
