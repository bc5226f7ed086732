"""The main job in one command: index real photographs, search them with words, and classify one.

The photographs are those in scikit-image's wheel.  The second time there is nothing left to embed.
"""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from edgeclip.cli import run

ROCKET, CAT = "a rocket standing on a launch pad", "a cat looking into the camera"
QUERIES = (ROCKET, CAT, "a cup of coffee on a saucer", "a red motorcycle", "a page of text")
LABELS = ("cat", "dog", "horse", "rocket", "coffee", "motorcycle")
INDEX = ("--index", "demo.index")


def main() -> None:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the demo needs photographs: pip install --no-deps scikit-image")
    photos = Path(spec.submodule_search_locations[0]) / "data"
    labels = [part for label in LABELS for part in ("--label", label)]
    for command in (
        ["index", str(photos), *INDEX, "--model", "starter", "--exclude", "multipage*.tif"],
        ["search", *QUERIES, *INDEX, "--sheet", "contact-sheet.png", "--count", "4"],
        ["search", "a giraffe", *INDEX, "--count", "1"],
        ["duplicates", *INDEX],
        ["groups", *INDEX, "--threshold", "0.5"],
        ["classify", str(photos / "chelsea.png"), *labels, "--top", "3", "--model", "starter"],
    ):
        print(f"\n$ {shlex.join(['edgeclip', *command])}", flush=True)
        if code := run(command):
            sys.exit(code)


if __name__ == "__main__":
    main()
