"""Say when something is seen by a camera: python camera_alert.py 0 "a cat on the table"

In place of the words may stand a pack of [[rule]] tables: edgeclip pack rules.toml -o rules.pack
It first learns what the camera sees when nothing happens, and keeps that in watched.json."""

import sys
from pathlib import Path

from edgeclip import ChangeGate, EdgeclipError, Model, PromptPack, Watcher, frames


def watch(source: str, rules: str) -> None:
    watcher = Watcher(
        Model.load(fit="pad"),  # a frame is wide: all of it is looked at, not its middle
        PromptPack.load(rules) if rules.endswith(".pack") else [rules],
        keep=Path("watched.json"),
        gate=ChangeGate(),  # a still scene costs almost nothing
    )
    learning: dict[str, bool] = {}
    try:
        for frame in frames(source, fps=1, on_state=print):  # a camera that is away is waited for
            for event in watcher(frame):
                print(f"{event.start:%T} {event.rule}: {event.state}, {event.duration_s:.0f} s")
            for reading in watcher.readings:
                rule, limit = reading.rule, reading.threshold
                if learning.get(rule) != (limit is None):
                    learning[rule] = limit is None
                    how = "learning" if limit is None else f"above {limit:.2f}"
                    print(f"{rule}: {how}, now {reading.score:.2f}")
    finally:
        watcher.save()  # also after Ctrl-C


if len(sys.argv) != 3:
    sys.exit(f"usage: python camera_alert.py SOURCE WORDS\n\n{__doc__}")
try:
    watch(*sys.argv[1:])
except EdgeclipError as error:
    sys.exit(str(error))
