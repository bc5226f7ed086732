"""Requests made of the service's own description: ``python -m tests.serve.fuzz --requests 10000``.

Schemathesis makes them; no answer may be undocumented, none may have a status of 500 or more.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from edgeclip.model.model import Model
from tests import tiny
from tests.serve.serving import serving

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)
_RULES = '[[rule]]\nname = "blue"\nthreshold = 0.9\n'
_FIRST = 450
"""About as many come of one example an operation: each value of each field is tried, too."""
_EACH = 18


def options(folder: Path) -> tuple[str, ...]:
    """Make a model, an index and a film; return the options that serve them."""
    pictures = folder / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        Image.fromarray(noise.integers(0, 256, (48, 64, 3), np.uint8)).save(
            pictures / f"{name}.png"
        )
    (folder / "rules.toml").write_text(_RULES)
    model = Model.load(tiny.make(folder / "tiny"))
    with Index.open(folder / "photos.index", model.space, model=str(folder / "tiny")) as index:
        assert [entry.status for entry in sync(index, model, pictures)] == ["added"] * 3
    shutil.copytree(pictures, folder / "film")
    index_of = ("--index", str(folder / "photos.index"), "--root", str(pictures))
    return *index_of, "--camera", str(folder / "film"), "--rules", str(folder / "rules.toml")


def run(folder: Path, requests: int) -> tuple[int, int, str]:
    """Return how many requests were made, how many were right, and what is said of them."""
    program = Path(sys.executable).with_name("schemathesis")
    with serving(folder, *options(folder)) as served:
        command = [
            *(program, "run", f"{served.url}/openapi.json", "--checks", CHECKS, "--no-color"),
            *("--exclude-path", "/events", "--generation-deterministic"),  # it has no end
            *("--max-examples", str(max(1, (requests - _FIRST) // _EACH))),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        alive = served.process.poll() is None
        said = [line for line in served.said if "listening" not in line]
    found = re.search(r"(\d[\d,]*) generated, (\d[\d,]*) passed", done.stdout)
    assert found and alive, done.stdout + done.stderr
    made, right = (int(number.replace(",", "")) for number in found.groups())
    return made, right, "".join(said) or ("" if done.returncode == 0 else done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    with tempfile.TemporaryDirectory() as folder:
        made, right, said = run(Path(folder), parser.parse_args().requests)
    print(f"{made:,} requests, {right:,} answered as described")
    if said:
        print(said)
    return 0 if made == right and not said else 1


if __name__ == "__main__":
    sys.exit(main())
