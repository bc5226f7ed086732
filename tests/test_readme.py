"""Every code block of the README runs, in order, in one folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
# What a block prints, where the README shows it.
SHOWN = dict(
    re.findall(r"^```bash\n(.*?)^```\n\n```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
)

# Lines that cannot run as they stand inside a test, and what runs in their place.
REPLACED = {
    "make test": f"make -n -C {ROOT} test",  # this is it
    "make demo": f"{sys.executable} {ROOT}/examples/demo.py",  # without the installation before it
    # Their installation is tested by tests/test_wheel.py; here only the names are.
    "python3 -m venv .venv": "true",
    ".venv/bin/pip install edgeclip": "true",
    "pip install 'edgeclip[export]'": f"grep -q '^export = ' {ROOT}/pyproject.toml",
    "pip install --no-deps edgeclip": "true",
    "pip install numpy 'pillow>=13' tokenizers ftfy click tqdm": "true",
    # The real download and the export of full size: tests/export/test_full_size.py.
    "edgeclip export mobileclip_s2 --accept-license": "edgeclip export --help",
    "pip install 'edgeclip[camera]'": f"grep -q '^camera = ' {ROOT}/pyproject.toml",
    'edgeclip watch /dev/video0 --alert "a person at the door"': (
        'edgeclip watch photos --alert "a person at the door"'
    ),
    "edgeclip export vit_b_32_256": "edgeclip export --help",
    # Asked and answered for real in tests/serve and tests/test_service_doc.py.
    "pip install 'edgeclip[serve]'": f"grep -q '^serve = ' {ROOT}/pyproject.toml",
    "edgeclip serve": "edgeclip serve --help",
    # Run for real in tests/grow, with a cluster and with a server.
    "pip install 'edgeclip[ray,pg]'": f"grep -q '^ray = ' {ROOT}/pyproject.toml",
    "edgeclip embed photos --engine ray --out vectors --model starter": "edgeclip embed --help",
    "edgeclip index --from vectors --index bulk.index": "edgeclip index --help",
    "edgeclip push --to postgresql://door@fleet.example/edgeclip --device door": (
        "edgeclip push --help"
    ),
    'edgeclip search "a cat" --on postgresql://me@fleet.example/edgeclip --since 2h': (
        "edgeclip search --help"
    ),
    'curl -s http://127.0.0.1:8000/search --json \'{"query": "a sleeping cat", "count": 3}\'': (
        "true"
    ),
    'curl -X POST "http://localhost:8000/jobs/clip_embedding" -F "file=@photo.jpg" '
    '-F "normalize=true" -F "priority=5"': "true",
    "ssh pi@board.local mkdir -p .local/share/edgeclip/models": "true",
    "pip install 'edgeclip[quantize]'": f"grep -q '^quantize = ' {ROOT}/pyproject.toml",
    # For real in tests/export/test_precision_*.py and benchmarks/precision.py: it takes minutes.
    "edgeclip quantize mobileclip_s2 --precision fp32,int8 --calibration my-photos": (
        "edgeclip quantize --help"
    ),
    "scp -r models/mobileclip_s2 pi@board.local:.local/share/edgeclip/models/": "true",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """A user's folder: some photographs and a published conversion."""
    from tests import tiny

    here = tmp_path_factory.mktemp("readme")
    (here / "photos").mkdir()
    names = "astronaut.png chelsea.png coffee.png rocket.jpg motorcycle_left.png"
    for name in [*names.split(), "motorcycle_right.png"]:
        shutil.copy(photos / name, here / "photos" / name)
    shutil.copy(photos / "chelsea.png", here / "cat.jpg")
    shutil.copy(photos / "rocket.jpg", here / "photo.jpg")
    (here / "labels.txt").write_text("cat\ndog\nrocket\n")
    made = tiny.make(here / "made-elsewhere")
    for name in ("image.onnx", "text.onnx", "tokenizer.json"):
        shutil.copy(made / name, here / name)
    return here


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(number: int, folder: Path) -> None:
    language, code = BLOCKS[number]
    if language == "bash":
        lines = [REPLACED.get(line.split("  #")[0].strip(), line) for line in code.splitlines()]
        command = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
    else:
        command = [sys.executable, "-c", code]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EDGECLIP_")}
    environment |= {"XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    environment |= {"XDG_STATE_HOME": str(folder / "state")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    if code in SHOWN:
        assert without_figures(done.stdout) == without_figures(SHOWN[code])


def without_figures(shown: str) -> list[str]:
    """The words and names of an output: scores and times may differ from machine to machine."""
    return re.sub(r"\d+(\.\d+)?", "#", shown).split()


def test_outputs_are_shown() -> None:
    commands = " ".join(SHOWN)
    names = ("index", "search", "groups", "watch")
    assert all(f"edgeclip {name} " in f"{commands} " for name in names)
    assert "edgeclip duplicates" in commands


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 5


def test_replaced_lines_stand_in_the_readme() -> None:
    lines = {line.split("  #")[0].strip() for _, code in BLOCKS for line in code.splitlines()}
    assert set(REPLACED) <= lines


def test_figures_come_from_the_benchmarks() -> None:
    """Each row of the README's table of figures stands in benchmarks/results.md."""
    results = (ROOT / "benchmarks" / "results.md").read_text("utf-8").splitlines()
    table = README.split("<!-- figures -->")[1].split("<!-- end of figures -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert rows
    for row in rows:
        what, figure, _, detail, command = (cell.strip() for cell in row.strip("|").split("|"))
        cells = (what, figure, detail, command)
        assert any(all(f"| {cell} |" in line for cell in cells) for line in results)


def test_pictures_exist() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file()
