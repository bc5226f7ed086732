"""Long repeats: run each and keep what it printed in ``benchmarks/soak.md``."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

from benchmarks import measure

SOAKS = {
    "3,000 mutated pictures": ["-m", "tests.mutants", "--count", "3000"],
    "200 kills of a writer": ["-m", "tests.index.kill", "--cycles", "200"],
    "200 kills of edgeclip index": ["-m", "tests.index.kill_folder", "--cycles", "200"],
    "100 times a camera is unplugged": ["-m", "tests.watch.unplug", "--cycles", "100"],
    "20 kills of a stream's server": ["-m", "tests.watch.streams", "--kills", "20"],
    "a simulated week before a camera, twice": ["-m", "benchmarks.week"],
    "100,000 frames of a camera": ["-m", "tests.watch.frames_soak", "--frames", "100000"],
    "200 slow clients of the service": ["-m", "tests.serve.slow", "--clients", "200"],
    "10,000 requests that the service's description allows or forbids": [
        *("-m", "tests.serve.fuzz", "--requests", "10000")
    ],
    "20,000 requests of the service": ["-m", "tests.serve.memory", "--requests", "20000"],
    "kills of a service while hundreds of jobs wait, 20 times": [
        *("-m", "tests.serve.jobs.kill", "--cycles", "20")
    ],
    "200 cut connections of pushes": ["-m", "tests.grow.fleet.cuts", "--cuts", "200"],
    "100 kills of a push": ["-m", "tests.grow.fleet.kill", "--cycles", "100"],
    "eight threads for 60 s, with a graph": ["-m", "tests.index.threads", "--seconds", "60"],
}
RESULTS = Path(__file__).parent / "soak.md"


def main() -> int:
    """Run every soak; the exit code is 1 when one of them failed."""
    parts = [
        "# Soak",
        f"Made by `make soak`. Machine: {measure.machine()}. {datetime.date.today():%Y-%m-%d}.",
    ]
    failed = 0
    for title, arguments in SOAKS.items():
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        failed += done.returncode != 0
        verdict = "passed" if done.returncode == 0 else f"FAILED with {done.returncode}"
        command = f"python {' '.join(arguments)}"
        parts.append(f"## {title}: {verdict}\n\n`{command}`\n\n```\n{done.stdout.strip()}\n```")
        print(parts[-1], done.stderr, sep="\n")
    RESULTS.write_text("\n\n".join(parts) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
