"""An index of a million vectors: run it once with ``make bench-large``; kept in large.md."""

from __future__ import annotations

import datetime
from pathlib import Path

from benchmarks import index, measure

RESULTS = Path(__file__).parent / "large.md"
_SIZE = 1_000_000


def main() -> None:
    """Measure and write the results."""
    lines = [
        "# A million vectors",
        "",
        "Made by `make bench-large`; see [results.md](results.md) for 10,000 and 100,000.",
        "",
        f"Machine: {measure.machine()}. {datetime.date.today():%Y-%m-%d}.",
        "",
        "| what | figure | detail |",
        "|---|---|---|",
    ]
    for row in index.rows((_SIZE,)):
        lines.append(f"| {row.what} | {row.figure:.{row.digits}f} | {row.detail} |")
    RESULTS.write_text("\n".join(lines) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
