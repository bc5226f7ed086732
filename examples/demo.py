"""The main job in one command: search real photographs with words, then classify one of them.

The photographs are the ones in scikit-image's wheel; the model is the starter.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from edgeclip.cli import run

QUERIES = (
    "a rocket standing on a launch pad",
    "a cat looking into the camera",
    "a cup of coffee on a saucer",
    "a red motorcycle",
    "a page of printed text",
)
LABELS = ("cat", "dog", "horse", "rocket", "coffee", "motorcycle")


def main() -> int:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        print("the demo needs photographs: pip install --no-deps scikit-image", file=sys.stderr)
        return 1
    photos = Path(spec.submodule_search_locations[0]) / "data"
    model = ["--model", "starter"]
    sheet = ["--sheet", "contact-sheet.png", "--count", "4"]
    code = run(["search", *QUERIES, "--in", str(photos), *sheet, *model])
    print()
    labels = [part for label in LABELS for part in ("--label", label)]
    return code or run(["classify", str(photos / "chelsea.png"), *labels, "--top", "3", *model])


if __name__ == "__main__":
    sys.exit(main())
