"""Run the simulated week of both halves: ``python -m benchmarks.week [--days 7]``.

The rules are words alone; the thresholds are learnt on the camera's own frames, without the truth.
Exit code 1 when fewer than three rules reach a recall of 0.9 at one false alert a day or fewer in
the held half.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.week import judge
from benchmarks.week.watching import pack_of, watched
from benchmarks.week.week import DEVELOPMENT, HELD, Week
from edgeclip.model.model import Model

_RECALL, _RULES = 0.9, 3


def main() -> int:
    """Print the table of both halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=7.0)
    days = parser.parse_args().days
    seeds = {"development": DEVELOPMENT[0], "held": HELD[0]}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        running = {half: pool.submit(watched, seed, half, days) for half, seed in seeds.items()}
        courses = {half: future.result() for half, future in running.items()}
    weeks = {
        "development": Week(seeds["development"], "development", days),
        "held": Week(seeds["held"], "held", days),
    }
    truths = {half: week.truth for half, week in weeks.items()}
    pack = pack_of(weeks["held"], Model.load("starter", fit="pad"))
    found = judge.outcomes(courses, truths, pack)
    print(judge.table(found))
    good = [each.rule for each in found if each.half == "held" and _is_good(each)]
    print(f"\nheld half, recall ≥ {_RECALL} at ≤ 1 false alert a day: {', '.join(good) or 'none'}")
    return 0 if len(good) >= _RULES else 1


def _is_good(found: judge.Outcome) -> bool:
    learnt = found.learnt
    return learnt.recall.value >= _RECALL and learnt.false_a_day.value <= judge.TOLERATED


if __name__ == "__main__":
    sys.exit(main())
