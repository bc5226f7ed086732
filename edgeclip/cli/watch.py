"""``edgeclip watch``: what a camera sees becomes events."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import options

_MEGABYTE = 1_000_000
_LIVE = ("camera", "state", "log", "timeline", "keep_days", "keep_mb", "webhook", "mqtt")


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
    "--fps",
    type=options.NumberRange(0.02, 1000),
    default=1.0,
    show_default=True,
    help="Frames to look at in a second, at most.",
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
@click.option("--plot", type=click.Path(path_type=Path), help="Draw scores and events: a PNG.")
@options.as_json
@options.model_options
def watch_command(
    source: str | None,
    rules: Path | None,
    alerts: tuple[str, ...],
    replay: Path | None,
    labels: Path | None,
    plot: Path | None,
    keep_mb: float | None,
    **chosen: Any,
) -> None:
    """Watch a camera, and tell what happens.

    SOURCE is a camera (0, /dev/video0, csi), a stream (rtsp://…, http://…), a video, or a folder
    of pictures.  A rule first learns what this camera sees when nothing happens; then it alerts,
    without cause at most as often as it may ("false_alerts": once a day).

    --replay VIDEO runs the rules over a recording; with --labels it says how right they were.

    A pack is used with the model and the --fit that it was made with, unless these are given.

    The password for --mqtt is read from EDGECLIP_MQTT_PASSWORD.
    """
    if bool(rules) == bool(alerts):
        raise click.UsageError("Give --rules or --alert, one of them.")
    if (source is None) == (replay is None):
        raise click.UsageError("Give SOURCE or --replay VIDEO, one of them.")
    if replay is None and (labels or plot):
        raise click.UsageError("--labels and --plot are for --replay.")
    odd = [name for name in _LIVE if options.is_given(name)] if replay is not None else []
    if odd:
        raise click.UsageError(f"--{odd[0].replace('_', '-')} is not for --replay.")
    if plot is not None:
        options.check_target(plot, ".png")
    if chosen["timeline"] is None and (chosen["keep_days"] or keep_mb):
        raise click.UsageError("--keep-days and --keep-mb are for --timeline.")
    from edgeclip.cli import watching
    from edgeclip.cli.wanted import Wanted

    keep_bytes = None if keep_mb is None else math.ceil(keep_mb * _MEGABYTE)
    names = [name for name in Wanted.__dataclass_fields__ if name in chosen]
    asked = {name: chosen[name] if name == "models" else chosen.pop(name) for name in names}
    wanted = Wanted(**asked, keep_bytes=keep_bytes)
    model, pack = watching.opened(rules, alerts, chosen)
    if replay is not None:
        from edgeclip.cli import replaying

        replaying.replay(replay, model, pack, labels, plot, wanted)
    elif source is not None:
        watching.watch(source, model, pack, wanted)
