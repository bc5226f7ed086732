"""What ``edgeclip watch --replay`` does: rules over a recording, and how right they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeclip.cli import output
from edgeclip.errors import EdgeclipError

if TYPE_CHECKING:
    from edgeclip.cli.wanted import Wanted
    from edgeclip.model.model import Model
    from edgeclip.model.pack import PromptPack
    from edgeclip.watch.recording import Course
    from edgeclip.watch.replay import Evaluation, Rate, Truth

_BEGIN = 0.0
"""When a recording is taken to begin if nobody says it: its figures are the same each day."""


def replay(
    recording: Path,
    model: Model,
    pack: PromptPack,
    labels: Path | None,
    plot: Path | None,
    wanted: Wanted,
) -> None:
    """Run the rules over a recording, tell the events, and compare them with the truth."""
    from edgeclip.watch.frames import frames
    from edgeclip.watch.plot import MOST
    from edgeclip.watch.recording import follow
    from edgeclip.watch.replay import read_truth
    from edgeclip.watch.source import described

    if described(str(recording)).live:
        raise EdgeclipError(f"{recording} is no recording. Give a video or a folder of pictures.")
    truth = None if labels is None else read_truth(labels)
    names = [label.name for label in pack.labels]
    if plot is not None and len(names) > MOST:
        raise EdgeclipError(f"--plot draws {MOST} rules at most, and there are {len(names)}.")
    mine = {name: _truth_of(name, truth, names) for name in names}
    if wanted.begin is None:
        _note_schedules(pack)
    courses = follow(
        frames(str(recording), fps=wanted.fps),
        model,
        pack,
        gated=not wanted.every_frame,
        begin=wanted.begin or _BEGIN,
    )
    for name, course in courses.items():
        evaluation = None if truth is None else course.evaluate(mine[name])
        if wanted.as_json:
            output.json_line(_told(name, course, evaluation))
        else:
            _print(name, course, evaluation)
    if plot is not None:
        _plot(plot, courses, mine)


def _note_schedules(pack: PromptPack) -> None:
    """Say by which time schedules are judged when nobody says when the recording began."""
    names = [label.name for label in pack.labels if label.settings.get("schedule")]
    if names:
        begin = f"{datetime.fromtimestamp(_BEGIN):%A at %H:%M}"
        output.note(
            output.printable(
                f"the schedule of {', '.join(names)} is judged as if the recording began on a "
                f"{begin}. Say with --begin when it did."
            )
        )


def _truth_of(name: str, truth: Sequence[Truth] | None, names: Sequence[str]) -> list[Truth]:
    """Return what is true of a rule; a file that names none is about the only one."""
    wrong = {each.rule for each in truth or ()} - {*names, ""}
    if wrong:
        raise EdgeclipError(
            f"the labels name {min(wrong)!r}, which is no rule. There are: {', '.join(names)}."
        )
    if len(names) > 1 and any(not each.rule for each in truth or ()):
        raise EdgeclipError("the labels do not say which rule they are about. Add a column rule.")
    return [each for each in truth or () if each.rule in (name, "")]


def _told(name: str, course: Course, evaluation: Evaluation | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "rule": name,
        "threshold": course.threshold,
        "learnt_s": course.since,
        "watched_s": course.watched_s,
        "events": [{"start": start, "end": end} for start, end in course.events],
    }
    if evaluation is not None:
        told |= {
            "found": evaluation.found,
            "missed": evaluation.missed,
            "false": evaluation.false,
            "precision": _rate(evaluation.precision),
            "recall": _rate(evaluation.recall),
            "false_alerts_a_day": _rate(evaluation.false_a_day),
            "delay_s": None if not evaluation.delays else evaluation.delay_s,
        }
    return told


def _rate(rate: Rate) -> dict[str, float | None]:
    # JSON knows neither NaN nor infinity.
    return {name: value if isfinite(value) else None for name, value in rate._asdict().items()}


def _print(name: str, course: Course, evaluation: Evaluation | None) -> None:
    output.say(output.printable(name))
    for start, end in course.events:
        output.say(f"  {_moment(start)} to {_moment(end)}")
    if course.since is None:
        output.say(
            f"  no threshold: {_moment(course.seconds)} were seen, and learning takes "
            f"{_moment(course.warm_up_s)}. Give a longer recording, or the rule a threshold."
        )
        return
    if evaluation is None:
        return
    rows = [
        ("precision", *_cells(evaluation.precision, 2)),
        ("recall", *_cells(evaluation.recall, 2)),
        ("false alerts a day", *_cells(evaluation.false_a_day, 1)),
        ("delay in s", f"{evaluation.delay_s:.1f}" if evaluation.delays else "–", "", ""),
    ]
    output.table(("", "", "from", "to (95 %)"), rows)
    output.say(
        f"  {evaluation.found} of {evaluation.found + evaluation.missed} found, {evaluation.false} "
        f"false, in {_moment(course.watched_s)} after {_moment(course.since)} of learning"
    )


def _cells(rate: Rate, digits: int) -> list[str]:
    return ["–" if value != value else f"{value:.{digits}f}" for value in rate]


def _moment(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _plot(path: Path, courses: Mapping[str, Course], truth: Mapping[str, Sequence[Truth]]) -> None:
    from edgeclip.watch.plot import Panel, write_plot

    panels = [
        Panel(
            name,
            course.times,
            course.scores,
            course.thresholds,
            course.events,
            [(each.start, each.end) for each in truth[name]],
        )
        for name, course in courses.items()
    ]
    write_plot(path, panels)
