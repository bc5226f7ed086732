"""The wheel works away from the repository: code, starter model and command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("edgeclip-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked by pip, without its dependencies: those are in this environment."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    return target


def test_holds_code_licence_and_starter_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert folders == {"edgeclip", "edgeclip_export"}
    assert "edgeclip/_models/starter/model.json" in names
    assert "edgeclip/py.typed" in names
    assert "edgeclip/serve/page/index.html" in names
    assert not any("axe" in name for name in names)  # for tests alone
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_embeds_and_classifies_in_an_empty_folder(
    installed: Path, tmp_path: Path, photos: Path
) -> None:
    photo = photos / "chelsea.png"
    row = json.loads(_edgeclip(installed, tmp_path, "embed", str(photo), "--json"))
    assert row["status"] == "success"
    assert row["embedding"]["embedding_dim"] == len(row["embedding"]["embedding"])
    labels = ["--label", "cat", "--label", "motorcycle", "--label", "rocket"]
    answer = json.loads(_edgeclip(installed, tmp_path, "classify", str(photo), *labels, "--json"))
    assert answer["labels"][0]["label"] == "cat"
    assert list(tmp_path.iterdir()) == []


def test_coaches_and_advises_with_its_own_lists(installed: Path, tmp_path: Path) -> None:
    said = json.loads(_edgeclip(installed, tmp_path, "coach", "no entry sign", "--json"))
    assert said["suitable"] is True
    assert "mobileclip_s2" in _edgeclip(installed, tmp_path, "models", "--advise", "--json")


def _edgeclip(site: Path, folder: Path, *arguments: str) -> str:
    script = "import edgeclip, sys; sys.argv[0] = 'edgeclip'; from edgeclip.cli import main; main()"
    code = f"import sys; sys.path.insert(0, {str(site)!r}); {script}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("EDGECLIP_", "PYTHON"))}
    where = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(site)!r}); import edgeclip; "
            "print(edgeclip.__file__)",
        ],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(site))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
