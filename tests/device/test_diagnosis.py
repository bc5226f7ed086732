"""The whole diagnosis: in order, of the right model, and though something breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from edgeclip.device.doctor import camera, diagnosis
from edgeclip.device.doctor.findings import Finding, command_line, size
from edgeclip.model.manifest import Manifest
from tests import folders, tiny
from tests.device.conftest import PI_5, only, states
from tests.index.some import filled

ORDER = ["python", "system", "packages", "sqlite", "onnxruntime", "board", "cpu", "memory"]
ORDER += ["temperature", "throttling", "clock", "camera", "disk", "model", "index"]
BROKEN_NUMPY = """
import json, sys
sys.modules["numpy"] = None
from pathlib import Path
from edgeclip.device.doctor.diagnosis import diagnose
found = diagnose(Path("none.index"), quick=True)
print(json.dumps([[each.check, each.state, each.message] for each in found]))
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGECLIP_CACHE", str(tmp_path / "cache"))


def diagnose(tmp_path, **options):
    options = {"quick": True, "timeout_s": 60.0} | options
    return list(diagnosis.diagnose(tmp_path / "i", **options))


def test_a_board_on_which_all_is_well(tmp_path, tiny_model, tree, tools):
    root = tree(PI_5)
    found = diagnose(tmp_path, model=str(tiny_model), root=root, quick=False)
    checks = dict.fromkeys(each.check for each in found if each.check != "hnswlib")
    assert list(checks) == ORDER
    assert states(found) in ([], [("clock", "warning")])  # of the machine that runs the tests
    assert all(each.message and "\n" not in each.message for each in found)
    assert not (tmp_path / "cache").exists() and not (tmp_path / "i").exists()


def test_the_model_of_the_index_is_looked_at_too(tmp_path, tiny_model, monkeypatch):
    own = folders.copied(tiny_model, tmp_path / "own")
    filled(tmp_path / "i", 3, tiny.DIM, space=Manifest.read(own).space, model=str(own))
    monkeypatch.setenv("EDGECLIP_MODEL", str(tiny_model))
    told = [each.message for each in diagnose(tmp_path) if each.check == "model"]
    assert [text.partition(":")[0] for text in told] == [str(tiny_model), str(own)]
    told = [each.message for each in diagnose(tmp_path, model=str(own)) if each.check == "model"]
    assert [text.partition(":")[0] for text in told] == [str(own)]
    monkeypatch.setenv("EDGECLIP_MODEL", str(own))
    assert len([each for each in diagnose(tmp_path) if each.check == "model"]) == 1


def test_a_model_that_is_not_installed(tmp_path):
    found = [each for each in diagnose(tmp_path, model="nowhere") if each.check == "model"]
    assert only(found).state == "failed" and "'nowhere' is not installed" in found[0].message
    assert found[0].command == "edgeclip models"


def test_a_default_model_that_is_missing_does_not_hide_that_of_the_index(
    tmp_path, tiny_model, monkeypatch
):
    own = folders.copied(tiny_model, tmp_path / "own")
    filled(tmp_path / "i", 3, tiny.DIM, space=Manifest.read(own).space, model=str(own))
    monkeypatch.setenv("EDGECLIP_MODEL", "nowhere")
    found = [each for each in diagnose(tmp_path) if each.check == "model"]
    assert [each.state for each in found] == ["failed", "ok"]
    assert "'nowhere' is not installed" in found[0].message and str(own) in found[1].message


def test_a_check_that_breaks_does_not_hide_the_others(tmp_path, tiny_model, monkeypatch):
    def break_down(_):
        raise RuntimeError("out of order")

    monkeypatch.setattr(camera, "findings", break_down)
    found = diagnose(tmp_path, model=str(tiny_model))
    (broken,) = [each for each in found if each.check == "camera"]
    assert broken.state == "failed" and "RuntimeError: out of order" in broken.message
    assert found[-1].check == "index" and found[-1].state == "ok"


def test_a_numpy_that_cannot_be_imported(tmp_path):
    command = [sys.executable, "-c", BROKEN_NUMPY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    found = [Finding(*each) for each in json.loads(done.stdout)]
    failed = [each for each in found if each.state == "failed"]
    assert {"model", "index"} <= {each.check for each in failed}
    assert any("numpy" in each.message for each in failed)


def test_words_of_a_command_and_sizes():
    assert command_line("rm", "a b") == "rm 'a b'"
    assert size(1_500_000_000) == "1.5 GB" and size(3_400_000) == "3 MB"
