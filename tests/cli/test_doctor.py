"""``edgeclip doctor``: lines for people, JSON for programs, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import folders, tiny
from tests.index.some import filled


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, here):
    monkeypatch.setenv("EDGECLIP_CACHE", str(here / "cache"))


def listed(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_all_that_is_ok(cli, here):
    before = listed(here)
    done = cli("doctor")
    assert done.code == 0 and done.err == "" and listed(here) == before
    first, *_, last = done.out.splitlines()
    assert first.startswith("ok       python       Python 3.")
    assert "files and goldens are right (least cosine: image 1.00000" in done.out
    assert "no index at edgeclip.index yet" in done.out
    assert last == "all is well" or last.endswith(("1 warning", "warnings"))


def test_for_programs(cli, here, tiny_model):
    filled(here / "edgeclip.index", 3, tiny.DIM, model=str(tiny_model))
    done = cli("doctor", "--quick", "--json")
    assert done.code == 1 and "1 failed. The first: it was made with" in done.line
    told = done.json
    assert set(told) == {"findings", "failed", "warnings"} and told["failed"] == 1
    assert told["warnings"] == sum(each["state"] == "warning" for each in told["findings"])
    for each in told["findings"]:
        assert set(each) == {"check", "state", "message", "command"}
        assert each["state"] in ("ok", "warning", "failed")
    (bad,) = [each for each in told["findings"] if each["state"] == "failed"]
    assert bad["check"] == "index" and bad["command"] == "edgeclip index DIR --index NEW"


def test_what_failed_comes_with_the_next_command(cli, here, tiny_model):
    model = folders.copied(tiny_model, here / "bad model")
    (model / "text.onnx").unlink()
    done = cli("doctor", "-m", model, "--index", here / "none")
    assert done.code == 1 and "text.onnx is missing" in done.line
    lines = done.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAILED "))
    assert lines[at].split()[1] == "model"
    assert lines[at + 1] == f"{'':22}next: edgeclip verify '{model}'"
    assert lines[-1].startswith("1 failed")


def test_a_warning_alone_is_no_failure(cli, here):
    source = {"kind": "untrained", "weights_sha256": "0" * 64}
    done = cli("doctor", "--quick", "-m", tiny.make(here / "noise", source=source))
    assert done.code == 0 and done.err == ""
    assert "warning  model        noise has random weights" in done.out
    assert "warning" in done.out.splitlines()[-1]


def test_an_odd_name_is_shown_escaped(cli, here):
    odd = here / "a\x1b[31mb"
    odd.write_text("no index")
    done = cli("doctor", "--quick", "--index", odd)
    assert done.code == 1 and "\x1b" not in done.out + done.err


@pytest.mark.parametrize("wrong", [("--timeout", "0"), ("--models", "nowhere"), ("--index", "")])
def test_wrong_use(cli, wrong):
    assert cli("doctor", *wrong).code == 2
