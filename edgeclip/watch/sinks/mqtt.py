"""MQTT: events for a broker, and for Home Assistant behind it.

Topics below ``edgeclip/CAMERA``, all but the last retained::

    availability    online; offline after the end, or when the connection is lost
    RULE/state      ON while an event lasts, else OFF
    RULE/event      the last event, as JSON
    RULE/picture    its best frame, a JPEG
    RULE/phase      learning or watching
    events          each state of each event, as JSON
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from edgeclip.errors import EdgeclipError, ExtraMissing
from edgeclip.watch.events import Event
from edgeclip.watch.sinks import discovery

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PASSWORD = "EDGECLIP_MQTT_PASSWORD"
"""Variable with the password; with ``_FILE`` after it, the path of a file that holds it."""
_MOST_EVENTS = 1000
_FIRST_WAIT_S, _MOST_WAIT_S = 1, 30
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_QOS = 1


class Mqtt:
    """Tell a broker of events, from a thread of its own.

    Home Assistant finds the camera and its rules by itself.  While the broker is away, up to 1,000
    states of events wait in memory, in order; of what is retained only the last is sent.  After a
    restart of the broker everything that is retained is sent again.

    Args:
        url: ``mqtt://user@host:1883``, or ``mqtts://`` for TLS.
        camera: its name.
        rules: their names.
        discovery_prefix: as it is set in Home Assistant.
        pictures: whether the best frames are sent.

    Raises:
        EdgeclipError: the URL or the password's file cannot be used.
        ExtraMissing: paho-mqtt is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        camera: str,
        rules: Sequence[str],
        discovery_prefix: str = "homeassistant",
        pictures: bool = True,
    ) -> None:
        host, port, self._name = _read(url)
        if not re.fullmatch(r"[\w-]+(/[\w-]+)*", discovery_prefix):
            raise EdgeclipError(
                f"{discovery_prefix!r} is no prefix of topics. Give Home Assistant's: homeassistant"
            )
        self._topic = f"edgeclip/{discovery.slug(camera)}"
        self._rules, self._pictures = discovery.slugs(rules), pictures
        made = discovery.configs(
            camera, self._rules, self._topic, prefix=discovery_prefix, pictures=pictures
        )
        # What the broker shall have; what of it is to be sent; and what is told once.
        self._retained: dict[str, bytes] = {}
        self._due: dict[str, None] = {}
        self._events: deque[bytes] = deque()
        self._trouble = "it was not reached yet."
        self.dropped = 0
        """Events that were given up for newer ones."""
        self._changed = threading.Condition()
        self._connected = self._closed = False
        self._taken = 0
        self._configs = f"{discovery_prefix}/+/{discovery.node(camera)}/+/config"
        for topic, config in made.items():
            self._retain(topic, json.dumps(config))
        self._retain(self._own("availability"), discovery.ONLINE)
        for short in self._rules.values():
            self._retain(self._own(short, "state"), discovery.OFF)
        self._client = self._connect(url, host, port)
        self._thread = threading.Thread(target=self._send_all, name="mqtt", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        """Name the broker, and nothing secret."""
        return f"<Mqtt {self._name}>"

    def __call__(self, event: Event) -> None:
        """Tell of an event, as soon as that is possible."""
        record, picture = json.dumps(event.record()), b""
        if self._pictures and event.picture is not None:
            from edgeclip.model.images import jpeg

            picture = jpeg(event.picture)
        short = self._rules.get(event.rule)
        with self._changed:
            if len(self._events) == _MOST_EVENTS:
                self._events.popleft()
                self.dropped += 1
            self._events.append(record.encode())
            if short is not None:
                self._tell(short, event.state == "started", record, picture)
            self._changed.notify_all()

    def phase(self, rule: str, phase: str) -> None:
        """Tell whether a rule is ``learning`` or ``watching``."""
        if phase not in discovery.PHASES:
            raise ValueError(f"phase must be one of {discovery.PHASES}, not {phase!r}")
        with self._changed:
            self._retain(self._own(self._rules[rule], "phase"), phase)
            self._changed.notify_all()

    @property
    def notes(self) -> list[str]:
        """What goes wrong now, and what was lost since it was opened; sentences for people."""
        trouble = self._trouble
        notes = [f"{self._name}: {trouble} Events wait in memory."] if trouble else []
        if self.dropped:
            notes.append(f"{self._name}: events were dropped, as too many waited.")
        return notes

    @property
    def waiting(self) -> int:
        """How many states of events the broker has not got; after `close` they are lost."""
        return len(self._events)

    def close(self, wait_s: float = 2.0) -> None:
        """Say that the camera is offline, and stop; events that still wait are lost.

        Args:
            wait_s: for what is on its way, if the broker is there at all.
        """
        with self._changed:
            self._retain(self._own("availability"), discovery.OFFLINE)
            self._changed.notify_all()
            if self._connected:
                self._changed.wait_for(lambda: not (self._events or self._due), wait_s)
            self._closed = True
            self._changed.notify_all()
        self._thread.join(wait_s)
        client = self._client
        client.disconnect()
        client.loop_stop()
        # They hold this object, and paho closes two sockets only when it goes.
        client.on_connect = client.on_disconnect = client.on_connect_fail = None
        client.on_publish = client.on_message = None

    def _tell(self, short: str, on: bool, record: str, picture: bytes) -> None:
        # Before the state: what the state sets off finds them.
        self._retain(self._own(short, "event"), record)
        if picture:
            self._retain(self._own(short, "picture"), picture)
        self._retain(self._own(short, "state"), discovery.ON if on else discovery.OFF)

    def _own(self, *names: str) -> str:
        return "/".join((self._topic, *names))

    def _retain(self, topic: str, payload: str | bytes) -> None:
        self._retained[topic] = payload.encode() if isinstance(payload, str) else payload
        self._due.pop(topic, None)
        self._due[topic] = None

    def _connect(self, url: str, host: str, port: int) -> Client:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise ExtraMissing("MQTT needs paho-mqtt: pip install 'edgeclip[mqtt]'") from error
        client = Client(CallbackAPIVersion.VERSION2)
        user, password = _login(url)
        if user is not None:
            client.username_pw_set(user, password)
        if urlsplit(url).scheme == "mqtts":
            client.tls_set()
        client.will_set(self._own("availability"), discovery.OFFLINE, _QOS, retain=True)
        client.reconnect_delay_set(_FIRST_WAIT_S, _MOST_WAIT_S)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.connect_async(host, port, keepalive=30)
        client.loop_start()
        return client

    def _on_connect(self, client: Client, data: Any, flags: Any, reason: Any, more: Any) -> None:
        if reason.is_failure:
            self._trouble = f"it refuses: {reason}. Check user and {PASSWORD}."
            return
        client.subscribe(self._configs, _QOS)
        with self._changed:
            self._connected, self._trouble = True, ""
            # A broker without a memory has lost them.
            self._due = dict.fromkeys(self._retained)
            self._changed.notify_all()

    def _on_disconnect(self, client: Client, data: Any, flags: Any, reason: Any, more: Any) -> None:
        with self._changed:
            self._connected = False
            self._trouble = self._trouble or "the connection is lost."

    def _on_connect_fail(self, client: Client, data: Any) -> None:
        self._trouble = "it cannot be reached."

    def _on_publish(self, client: Client, data: Any, number: int, reason: Any, more: Any) -> None:
        with self._changed:
            self._taken = number
            self._changed.notify_all()

    def _on_message(self, client: Client, data: Any, message: Any) -> None:
        """Take back what an earlier run has told of rules that are no more."""
        with self._changed:
            if message.payload and message.topic not in self._retained:
                self._retain(message.topic, b"")
                self._changed.notify_all()

    def _send_all(self) -> None:
        """Send one message at a time: only so do they arrive in order, also over a lost link."""
        while (message := self._next()) is not None:
            topic, payload, retain = message
            # Without the lock: paho calls back while it holds its own.
            number = self._client.publish(topic, payload, _QOS, retain=retain).mid
            if self._is_taken(number):
                self._done(topic, payload, retain)

    def _next(self) -> tuple[str, bytes, bool] | None:
        """Wait for what is to be sent; return topic, payload and whether it is retained."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or (self._connected and (self._events or self._due))
            )
            if self._closed:
                return None
            self._taken = 0
            if self._due:
                topic = next(iter(self._due))
                return topic, self._retained[topic], True
            return self._own("events"), self._events[0], False

    def _is_taken(self, number: int) -> bool:
        """Wait until the broker has a message; after a lost link paho repeats it by itself."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken == number or self._closed)
            return self._taken == number

    def _done(self, topic: str, payload: bytes, retain: bool) -> None:
        with self._changed:
            # Something newer may have taken its place meanwhile.
            if retain and self._retained[topic] is payload:
                self._due.pop(topic, None)
            elif not retain and self._events and self._events[0] is payload:
                self._events.popleft()
            self._changed.notify_all()


def _read(url: str) -> tuple[str, int, str]:
    """Return host and port of a broker, and a name that may be shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    fits = parts.scheme in _PORTS and host and parts.path in ("", "/") and not parts.query
    if not fits or not host or re.search(r"[^!-~]", url):
        raise EdgeclipError("the broker's URL is none. Give one such as mqtt://user@192.168.1.5")
    port = port or _PORTS[parts.scheme]
    return host, port, f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _login(url: str) -> tuple[str | None, str | None]:
    """Return user and password; the password of the URL, of the variable, or of its file."""
    parts = urlsplit(url)
    user = None if parts.username is None else unquote(parts.username)
    if parts.password is not None:
        return user, unquote(parts.password)
    file = os.environ.get(f"{PASSWORD}_FILE")
    if PASSWORD in os.environ or not file:
        return user, os.environ.get(PASSWORD)
    try:
        return user, Path(file).read_text("utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        raise EdgeclipError(
            f"the file that {PASSWORD}_FILE names cannot be read ({type(error).__name__}). "
            "Check its path and its permissions."
        ) from error
