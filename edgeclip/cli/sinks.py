"""The places that a camera's events go to, opened as they are wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from edgeclip.cli import indexes
from edgeclip.cli.wanted import Wanted

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.model.pack import PromptPack
    from edgeclip.watch.events import Sink
    from edgeclip.watch.sinks.timeline import Timeline


def timelines(
    wanted: Wanted, model: Model, steady: Callable[[], float], stack: contextlib.ExitStack
) -> list[Timeline]:
    """Open the timeline, if one is wanted; the stack closes it."""
    if wanted.timeline is None:
        return []
    from edgeclip.watch.sinks.timeline import Timeline

    indexes.check_place(wanted.timeline, None)
    timeline = Timeline(
        wanted.timeline,
        model.space,
        indexes.findable(model, wanted.models),
        pictures=not wanted.no_pictures,
        keep_days=wanted.keep_days,
        keep_bytes=wanted.keep_bytes,
        steady=steady,
    )
    stack.callback(timeline.close)
    return [timeline]


def opened(
    wanted: Wanted, camera: str, pack: PromptPack, stack: contextlib.ExitStack
) -> Iterator[Sink]:
    """Open all others that are wanted; the stack closes them."""
    if wanted.log is not None:
        from edgeclip.watch.sinks.jsonl import JsonLines

        log = JsonLines(wanted.log)
        stack.callback(log.close)
        yield log
    if wanted.webhook is not None:
        from edgeclip.watch.sinks.webhook import Webhook

        spool = wanted.spool(camera)
        webhook = Webhook(wanted.webhook, spool=spool, picture=not wanted.no_pictures)
        stack.callback(webhook.close)
        yield webhook
    if wanted.mqtt is not None:
        from edgeclip.watch.sinks.mqtt import Mqtt

        names = [label.name for label in pack.labels]
        mqtt = Mqtt(wanted.mqtt, camera=camera, rules=names, pictures=not wanted.no_pictures)
        stack.callback(mqtt.close)
        yield mqtt
