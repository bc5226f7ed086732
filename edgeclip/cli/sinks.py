"""The places that a camera's events go to, opened as they are wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from edgeclip.cli import indexes, output
from edgeclip.cli.wanted import Wanted

if TYPE_CHECKING:
    from edgeclip.model.model import Model
    from edgeclip.model.pack import PromptPack
    from edgeclip.watch.events import Sink
    from edgeclip.watch.sinks.mqtt import Mqtt
    from edgeclip.watch.sinks.timeline import Timeline
    from edgeclip.watch.sinks.webhook import Webhook


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
        stack.callback(_close_webhook, webhook)
        yield webhook
    if wanted.mqtt is not None:
        from edgeclip.watch.sinks.mqtt import Mqtt

        names = [label.name for label in pack.labels]
        mqtt = Mqtt(wanted.mqtt, camera=camera, rules=names, pictures=not wanted.no_pictures)
        stack.callback(_close_mqtt, mqtt)
        yield mqtt


def _close_webhook(webhook: Webhook) -> None:
    webhook.close()
    spool = webhook.spool
    if kept := len(spool) - spool.unkept:
        messages = output.counted(kept, "message")
        output.note(
            f"the webhook has not got {messages}. The next watch of this camera with --webhook "
            f"sends what is kept in {output.printable(str(spool.folder))}."
        )
    if spool.unkept:
        messages = output.counted(spool.unkept, "message")
        output.note(f"{messages} for the webhook could not be kept, and are lost.")


def _close_mqtt(mqtt: Mqtt) -> None:
    mqtt.close()
    if mqtt.waiting:
        messages = output.counted(mqtt.waiting, "message")
        output.note(f"the broker has not got {messages}, which are lost. Check it, or add --log.")
