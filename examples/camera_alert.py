"""Say when something is seen by a camera: python camera_alert.py 0 "a cat on the table"

It learns for an hour what the camera sees when nothing happens, and keeps that in watched.json.
"""

import sys
from pathlib import Path

from edgeclip import ChangeGate, Model, Watcher, frames

source, words = sys.argv[1:3]
model = Model.load(fit="pad")  # a frame is wide: all of it is looked at, not its middle
watcher = Watcher(
    model,
    [words],
    keep=Path("watched.json"),
    gate=ChangeGate(),  # a still scene costs almost nothing
)
learning = True
for frame in frames(source, fps=1):
    for event in watcher(frame):
        print(f"{event.start:%H:%M:%S} {event.rule}: {event.state}, {event.duration_s:.0f} s")
    for reading in watcher.readings:
        if learning and reading.threshold is not None:
            learning = False
            print(f"learnt: alerts above {reading.threshold:.2f}, now {reading.score:.2f}")
watcher.save()
