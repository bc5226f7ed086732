"""What tune chose is shown, with the way back."""

from __future__ import annotations

import pytest

from edgeclip.device.doctor import models, tuning
from edgeclip.model import child, tuned
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.tuned import Setting
from tests import folders


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECLIP_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def chosen(config, tiny_model):
    """A model with something chosen for both towers."""
    manifest = Manifest.load(tiny_model)
    settings = {
        "image": Setting("fp32", SessionOptions(threads=4, providers=["CPUExecutionProvider"])),
        "text": Setting("fp32", SessionOptions()),
    }
    tuned.write(manifest, settings, {})
    return tiny_model


def test_what_was_chosen_and_how_to_undo_it(chosen, config):
    *_, found = models.findings(chosen, quick=True)
    assert (found.check, found.state) == ("tuned", "ok")
    text = "image fp32 on CPU with 4 threads; text fp32 on any provider with all CPUs"
    undo = f"undone by: edgeclip tune {chosen} --forget"
    assert found.message == f"{chosen.name}: {text} ({config / 'tuned.json'}; {undo})"
    assert found.command is None  # nothing is wrong


def test_nothing_was_chosen(config, tiny_model, monkeypatch):
    monkeypatch.setattr(child, "ask", None)  # nobody is asked
    assert list(tuning.findings(tiny_model)) == []
    monkeypatch.setenv("EDGECLIP_CONFIG", "off")
    assert list(tuning.findings(tiny_model)) == []


def test_it_was_chosen_for_another_model(chosen, tmp_path):
    other = folders.copied(chosen, tmp_path / "other")
    folders.edited(other, lambda record: record.update(name="other"))
    assert list(tuning.findings(other)) == []


def test_a_runtime_that_crashes_does_not_take_the_diagnosis_with_it(chosen, stand_in):
    stand_in("import os; os.abort()")
    assert list(tuning.findings(chosen)) == []
