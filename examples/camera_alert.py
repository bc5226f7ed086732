"""Say when something is seen by a camera: python camera_alert.py 0 "a cat on the table"

In place of the words may stand a pack: edgeclip pack rules.toml -o rules.pack --fit pad
It first learns what the camera sees when nothing happens, and keeps that in watched.json.
"""

import sys
from pathlib import Path

from edgeclip import ChangeGate, Model, PromptPack, Watcher, frames

if len(sys.argv) != 3:
    sys.exit(f"usage: python camera_alert.py SOURCE WORDS\n\n{__doc__}")
source, rules = sys.argv[1:]
watcher = Watcher(
    Model.load(fit="pad"),  # a frame is wide: all of it is looked at, not its middle
    PromptPack.load(rules) if rules.endswith(".pack") else [rules],
    keep=Path("watched.json"),
    gate=ChangeGate(),  # a still scene costs almost nothing
)
learning: dict[str, bool] = {}
try:
    for frame in frames(source, fps=1):
        for event in watcher(frame):
            print(f"{event.start:%H:%M:%S} {event.rule}: {event.state}, {event.duration_s:.0f} s")
        for reading in watcher.readings:
            if learning.get(reading.rule) != (reading.threshold is None):
                learning[reading.rule] = reading.threshold is None
                how = "learning" if reading.threshold is None else f"above {reading.threshold:.2f}"
                print(f"{reading.rule}: {how}, now {reading.score:.2f}")
finally:
    watcher.save()  # also after Ctrl-C
