"""Discovery: how Home Assistant learns of a camera and its rules over MQTT.

A device for the camera; for each rule a binary sensor (on while its event lasts), a sensor that
tells whether it still learns, and an image of the best frame.  The fields are those of Home
Assistant's pages ``binary_sensor.mqtt``, ``sensor.mqtt``, ``image.mqtt`` and ``mqtt``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from edgeclip.watch.names import mark

PHASES = ("learning", "watching")
ON, OFF, ONLINE, OFFLINE = "ON", "OFF", "online", "offline"
_MOST_LETTERS = 48


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return what stands for each name in topics and ids: ``[a-z0-9_]``, each another."""
    plain = {name: _plain(name) for name in names}
    count = Counter(plain.values())
    return {
        name: short if short and count[short] == 1 else _marked(short, name)
        for name, short in plain.items()
    }


def slug(name: str) -> str:
    """Return what stands for a camera in topics and ids: itself where it can, else with a mark.

    ``door-1`` stays as it is, and ``Door 1`` is ``door_1_`` with six digits: a broker may know
    other cameras that look like it, and no camera knows of the others.
    """
    fits = re.fullmatch(rf"[a-z0-9_-]{{1,{_MOST_LETTERS}}}", name)
    return name if fits else _marked(_plain(name), name)


def node(camera: str) -> str:
    """Return the id of a camera's device."""
    return f"edgeclip_{slug(camera)}"


def configs(
    camera: str, rules: Mapping[str, str], topic: str, *, prefix: str, pictures: bool
) -> dict[str, dict[str, Any]]:
    """Return the messages of discovery by topic.

    Args:
        camera: its name.
        rules: name → slug.
        topic: under which everything of this camera is told.
        prefix: of discovery.
        pictures: whether there are any.
    """
    from edgeclip import __version__

    device = node(camera)
    shared: dict[str, Any] = {
        "availability_topic": f"{topic}/availability",
        "device": {
            "identifiers": [device],
            "name": camera,
            "manufacturer": "edgeclip",
            "sw_version": __version__,
        },
        "origin": {"name": "edgeclip", "sw_version": __version__},
    }
    found: dict[str, dict[str, Any]] = {}
    for name, short in rules.items():
        for component, suffix, own in _entities(name, f"{topic}/{short}", pictures):
            unique_id = f"{device}_{short}{suffix}"
            found[f"{prefix}/{component}/{device}/{short}{suffix}/config"] = (
                own | {"unique_id": unique_id} | shared
            )
    return found


def _entities(rule: str, topic: str, pictures: bool) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Yield what there is for a rule: component, end of its id, and its own fields."""
    sensor = {
        "name": rule,
        "state_topic": f"{topic}/state",
        "payload_on": ON,
        "payload_off": OFF,
        "json_attributes_topic": f"{topic}/event",
    }
    yield "binary_sensor", "", sensor
    phase = {
        "name": f"{rule} phase",
        "state_topic": f"{topic}/phase",
        "device_class": "enum",
        "options": list(PHASES),
        "entity_category": "diagnostic",
    }
    yield "sensor", "_phase", phase
    if pictures:
        picture = {
            "name": f"{rule} picture",
            "image_topic": f"{topic}/picture",
            "content_type": "image/jpeg",
        }
        yield "image", "_picture", picture


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", letters).strip("_")[:_MOST_LETTERS]


def _marked(short: str, name: str) -> str:
    return f"{short}_{mark(name)}".strip("_")
