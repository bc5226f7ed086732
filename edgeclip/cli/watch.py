"""``edgeclip watch``: what a camera sees becomes events."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import filters, options

_MEGABYTE = 1_000_000
_FAR = 9000  # far beyond it a date has no seconds since 1970
_LIVE = ("camera", "state", "log", "timeline", "keep_days", "keep_mb", "webhook", "mqtt")


def _began(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """Return when a recording began, in seconds since 1970."""
    if text is None:
        return None
    moment = filters.moment_of(text)
    # Not "before now": a board without a clock chip may be told the time by nobody but this.
    if not 1970 < moment.year < _FAR:
        raise click.BadParameter(f"{text!r} is no year of a recording. Say when it was made.")
    return moment.timestamp()


# Frames are wide: all of one is looked at, not its middle.
@click.command("watch", context_settings={"default_map": {"fit": "pad"}})
@click.argument("source", required=False)
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    help="What to watch for: a .toml file with [[rule]] tables, or a pack made of one.",
)
@click.option("--alert", "alerts", multiple=True, help="What to watch for, in words.")
@click.option(
    "--false-alerts",
    "rate",
    metavar="RATE",
    help='How many of --alert are tolerated; "24 a day" is learnt in an hour.  [default: 1 a day]',
)
@click.option(
    "--fps",
    type=options.NumberRange(0.02, 1000),
    default=1.0,
    show_default=True,
    help="Frames to look at in a second, at most.",
)
@click.option(
    "--begin",
    metavar="TIME",
    callback=_began,
    help="When a recording began, as for search --since; else it begins now.",
)
@click.option("--camera", metavar="NAME", help="What the camera is called; else after SOURCE.")
@click.option("--every-frame", is_flag=True, help="Infer frames that have not changed, too.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps what was learnt (EDGECLIP_STATE).",
)
@click.option("--log", type=click.Path(path_type=Path), help="Append events as JSON lines.")
@click.option(
    "--timeline",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep what was seen, for edgeclip search --index.",
)
@click.option(
    "--keep-days",
    type=options.NumberRange(0, 1e5, min_open=True),
    help="Remove from the timeline what is older.",
)
@click.option(
    "--keep-mb",
    type=options.NumberRange(0, 1e9, min_open=True),
    help="Remove the oldest from the timeline when it is larger.",
)
@click.option("--no-pictures", is_flag=True, help="Privacy: no picture is kept or sent anywhere.")
@click.option("--webhook", metavar="URL", help="POST events to a server; kept until it has them.")
@click.option("--mqtt", metavar="URL", help="Tell Home Assistant: mqtt://USER@HOST.")
@click.option(
    "--replay", type=click.Path(path_type=Path), help="Run the rules over a recording instead."
)
@click.option("--labels", type=click.Path(path_type=Path), help="The truth: CSV rule,start,end.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw how each rule went: a PNG.")
@options.as_json
@options.model_options
def watch_command(
    source: str | None,
    rules: Path | None,
    alerts: tuple[str, ...],
    rate: str | None,
    replay: Path | None,
    labels: Path | None,
    plot: Path | None,
    keep_mb: float | None,
    **chosen: Any,
) -> None:
    """Watch a camera, and tell what happens.

    SOURCE is a camera (0, /dev/video0, csi), a stream (rtsp://…, http://…), a video, or a folder
    of pictures.  A rule first learns what this camera sees when nothing happens; then it alerts,
    without cause at most as often as it may ("false_alerts": once a day).  --begin says when a
    recording was made, so that its events bear the right times.

    --replay VIDEO runs the rules over a recording; with --labels it says how right they were.

    A pack is used with the model and the --fit that it was made with, unless these are given.

    The password for --mqtt is read from EDGECLIP_MQTT_PASSWORD.
    """
    if bool(rules) == bool(alerts):
        raise click.UsageError("Give --rules or --alert, one of them.")
    if rules and rate:
        raise click.UsageError("--false-alerts is for --alert: each rule of a file has its own.")
    if (source is None) == (replay is None):
        raise click.UsageError("Give SOURCE or --replay VIDEO, one of them.")
    _check_recording(source, labels, plot)
    if chosen["timeline"] is None and (chosen["keep_days"] or keep_mb):
        raise click.UsageError("--keep-days and --keep-mb are for --timeline.")
    from edgeclip.cli import watching
    from edgeclip.cli.wanted import Wanted

    keep_bytes = None if keep_mb is None else math.ceil(keep_mb * _MEGABYTE)
    names = [name for name in Wanted.__dataclass_fields__ if name in chosen]
    asked = {name: chosen[name] if name == "models" else chosen.pop(name) for name in names}
    wanted = Wanted(**asked, keep_bytes=keep_bytes)
    model, pack = watching.opened(rules, alerts, rate, chosen)
    if replay is not None:
        from edgeclip.cli import replaying

        replaying.replay(replay, model, pack, labels, plot, wanted)
    elif source is not None:
        watching.watch(source, model, pack, wanted)


def _check_recording(source: str | None, labels: Path | None, plot: Path | None) -> None:
    """Refuse what is only for recordings, or not for them; without SOURCE it is a replay."""
    odd = [name for name in _LIVE if options.is_given(name)] if source is None else []
    if odd:
        raise click.UsageError(f"--{odd[0].replace('_', '-')} is not for --replay.")
    if source is not None and (labels or plot):
        raise click.UsageError("--labels and --plot are for --replay.")
    if source is not None and options.is_given("begin"):
        from edgeclip.watch.source import described

        if described(source).live:
            raise click.UsageError("--begin is for a recording: a video or a folder of pictures.")
    if plot is not None:
        options.check_target(plot, ".png")
