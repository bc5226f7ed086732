"""``edgeclip export``: the door to the torch half, with that half replaced."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from edgeclip.errors import LicenseNotAccepted
from tests import tiny


@pytest.fixture
def half(monkeypatch):
    """Replace ``edgeclip_export``; return the module, whose ``export`` is to be set."""
    module = types.ModuleType("edgeclip_export")
    module.__path__ = []
    progress = types.ModuleType("edgeclip_export.progress")

    class Bars:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    progress.Bars = Bars
    monkeypatch.setitem(sys.modules, "edgeclip_export", module)
    monkeypatch.setitem(sys.modules, "edgeclip_export.progress", progress)
    return module


PARITY = {
    "reference": "torch 2",
    "rows": [{"tower": "image", "batch": 1, "max_abs_diff": 1e-6, "least_cosine": 0.9999999}],
}


def test_the_parity_the_licence_and_the_folder_are_printed(cli, half):
    half.export = lambda name, *, models, **_: tiny.make(models / name, parity=PARITY)
    done = cli("export", "tiny")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "tower  batch  max_abs_diff  least_cosine",
        "image      1         1e-06             1",
        "against torch 2",
        "",
        "licence: Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0). "
        "Free to use, also in products.",
        "",
        "models/tiny",
    ]


def test_programs_get_the_manifest(cli, half):
    half.export = lambda name, *, models, **_: tiny.make(models / name)
    answer = cli("export", "tiny", "--json").json
    assert (answer["name"], answer["folder"]) == ("tiny", "models/tiny")


def test_options_are_handed_on(cli, half, here):
    given = {}

    def export(name, **options):
        given.update(options, name=name)
        return tiny.make(
            options["models"] / name, source={"kind": "untrained", "weights_sha256": "0" * 64}
        )

    half.export = export
    done = cli(
        "export", "m", "--models", here / "out", "--checkpoint", "a.pt", "--revision", "abc",
        "--accept-license", "--untrained", "--verify-with", "mobileclip",
        "--precision", "fp32, int8", "--calibration", here, "--input", "uint8",
    )  # fmt: skip
    assert done.code == 0 and "m has random weights" in done.line
    assert callable(given.pop("progress")) or True
    assert given == {
        "name": "m",
        "models": here / "out",
        "checkpoint": Path("a.pt"),
        "revision": "abc",
        "accept_license": True,
        "untrained": True,
        "verify_with": "mobileclip",
        "precision": ("fp32", "int8"),
        "calibration": Path(here),
        "uint8": True,
    }


def test_a_refusal_is_one_line(cli, half):
    def export(*_, **__):
        raise LicenseNotAccepted("the licence is for research. Pass --accept-license.")

    half.export = export
    done = cli("export", "m")
    assert (done.code, done.out) == (1, "") and "Pass --accept-license" in done.line


def test_without_the_extra(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "edgeclip_export", None)
    done = cli("export", "m")
    assert done.code == 1
    assert done.line == "edgeclip: export needs torch: pip install 'edgeclip[export]'"
