"""Versions: each one that is known to be bad is installed, as far as Python can tell."""

from __future__ import annotations

import sys

import pytest

from edgeclip.device.doctor import known, software
from edgeclip.device.doctor.known import numbers
from tests.device.conftest import only, states

SME = {"proc/cpuinfo": "Features\t: asimd sme\n"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Let Python know of these packages, before all others or instead of them."""

    def put(*, others: bool = True, **versions: str) -> None:
        for name, version in versions.items():
            name = name.replace("_", "-")
            place = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
            place.mkdir(parents=True)
            needs = "Requires-Dist: numpy>=1.26\nRequires-Dist: tokenizers>=0.21\n"
            needs += "Requires-Dist: hnswlib>=0.8; extra == 'hnsw'\nRequires-Dist: plain\n"
            needs += "Requires-Dist: onnx>=1.21; extra == 'quantize'\n"
            needs += "Requires-Dist: torch>=2.10; extra == 'export'\n"
            needs += "Requires-Dist: timm>=1.0.20; extra == 'export'\n"
            text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            (place / "METADATA").write_text(text + (needs if name == "edgeclip" else ""))
        monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *(sys.path if others else [])])

    return put


def test_python():
    assert software.python().state == "ok"
    found = software.python((3, 10, 12))
    assert found.state == "failed" and "Python 3.10.12 is older than 3.11" in found.message
    assert software.python((3, 11, 0)).state == software.python((4, 0, 0)).state == "ok"


@pytest.mark.parametrize(
    ("machine", "bits", "text"),
    [
        ("armv7l", 32, "a 32-bit system on armv7l"),
        ("armv8l", 32, "a 32-bit system on armv8l"),
        ("aarch64", 32, "a 32-bit system on aarch64"),
        ("i686", 32, "a 32-bit system:"),
    ],
)
def test_a_system_of_32_bits(machine, bits, text):
    found = only(software.user_space(machine, bits))
    assert found.state == "failed" and text in found.message


def test_this_system():
    (found,) = software.user_space()
    assert found.state == "ok" and "KB pages" in found.message


def test_what_is_installed_here():
    found = list(software.packages())
    assert states(found) == [] and "numpy " in found[0].message


@pytest.mark.parametrize(
    ("package", "version", "state", "text"),
    [
        ("onnxruntime", "1.21.0", "failed", "illegal instruction on a Raspberry Pi 4"),
        ("onnxruntime", "1.23.2", "warning", "files outside the model's folder"),
        ("onnxruntime_gpu", "1.23.0", "warning", "onnxruntime-gpu 1.23.0: a session may read"),
        ("onnxruntime", "1.26.0", "failed", "numbers of another session"),
        ("pillow", "12.3.0", "failed", "CVE-2026-112403"),
        ("numpy", "1.25.2", "failed", "older than edgeclip needs (1.26)"),
        ("tokenizers", "0.19.1", "failed", "older than edgeclip needs (0.21)"),
    ],
)
def test_bad_versions(installed, package, version, state, text):
    installed(**{package: version})
    found = [each for each in software.packages() if "over each other" not in each.message]
    bad = only(found)
    assert bad.state == state and text in bad.message
    assert bad.command.startswith(f"pip install '{package.replace('_', '-')}>=")


def test_a_version_that_is_bad_on_some_cpus_only(installed, tree):
    installed(onnxruntime="1.28.0")
    assert states(software.packages(tree({"proc/cpuinfo": "Features\t: asimd\n"}))) == []
    assert "gigabytes of scratch" in only(software.packages(tree(SME))).message


def test_two_builds_of_onnxruntime_over_each_other(installed):
    installed(onnxruntime_gpu="1.30.0")
    found = only(software.packages())
    assert found.state == "warning" and "installed over each other" in found.message
    uninstall = "pip uninstall -y onnxruntime onnxruntime-gpu && "
    assert found.command == f"{uninstall}pip install onnxruntime-gpu"


def test_what_is_missing(installed):
    installed(others=False, edgeclip="0.1.0", numpy="2.0", onnxruntime_gpu="1.30")
    found = only(software.packages())
    assert found.state == "failed" and "tokenizers is not installed" in found.message


@pytest.mark.parametrize(
    ("package", "version", "extra", "least"),
    [("onnx", "1.20.1", "quantize", "1.21"), ("torch", "2.9.0", "export", "2.10")],
)
def test_a_package_of_an_extra_that_is_too_old(installed, package, version, extra, least):
    """Only those who use the extra meet it."""
    names = {"numpy": "2.0", "onnxruntime": "1.31.1", "tokenizers": "0.23"}
    installed(others=False, edgeclip="0.1.0", **names, **{package: version})
    found = only(software.packages())
    assert found.state == "warning" and found.command == f"pip install '{package}>={least}'"
    text = f"{package} {version} is older than edgeclip[{extra}] needs ({least})."
    assert found.message == text


def test_an_edgeclip_that_was_never_installed(installed):
    installed(others=False)
    (found,) = software.packages()
    assert found.state == "ok" and "none is known" in found.message


def test_sqlite_of_this_python():
    assert all(each.state != "failed" for each in software.sqlite())


@pytest.mark.parametrize(
    ("version", "state", "text"),
    [
        ("3.31.1", "failed", "too old for the index"),
        ("3.40.1", "ok", "lets only one in"),
        ("3.44.5", "ok", "lets only one in"),
        ("3.44.6", "ok", "SQLite 3.44.6"),
        ("3.50.7", "ok", "SQLite 3.50.7"),
        ("3.51.2", "ok", "lets only one in"),
        ("3.52.0", "warning", "withdrew"),
        ("3.53.0", "ok", "SQLite 3.53.0"),
    ],
)
def test_versions_of_sqlite(monkeypatch, version, state, text):
    monkeypatch.setattr("sqlite3.sqlite_version", version)
    (found,) = software.sqlite()
    assert found.state == state and text in found.message
    assert ("lets only one in" in found.message) == (text == "lets only one in")


def test_a_python_without_sqlite(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlite3", None)  # its import fails
    found = only(software.sqlite())
    assert found.state == "failed" and "built without SQLite" in found.message


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.27.0", (1, 27)), ("1.28.0rc1", (1, 28)), ("13", (13,)), ("2.0+cu12", (2,)), ("x", ())],
)
def test_numbers_of_a_version(version, expected):
    assert numbers(version) == expected


def test_the_table_makes_sense():
    for row in known.KNOWN:
        assert numbers(row.least) < numbers(row.below) and row.source.startswith("https://")
        assert row.why[0].islower() and not row.why.endswith(".")
