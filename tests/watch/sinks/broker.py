"""A real mosquitto on loopback, with its own configuration, and a client that listens to it."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.patience import until
from tests.programs import needed
from tests.watch.servers import free_port


class Broker:
    """Started in its own folder; ``login`` is the one user and password that may come in."""

    def __init__(self, folder: Path, login: tuple[str, str] | None = None) -> None:
        self._program = needed("mosquitto")
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "user root"]
        if login is None:
            lines.append("allow_anonymous true")
        else:
            (folder / "passwords").write_text("{}:{}\n".format(*login))
            hide = ["mosquitto_passwd", "-U", str(folder / "passwords")]
            subprocess.run(hide, check=True)
            lines += ["allow_anonymous false", f"password_file {folder / 'passwords'}"]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        command = [self._program, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        until(self._is_there)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _is_there(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Hears everything; `told` is in order, `kept` is what is retained, as by a late comer."""

    def __init__(self, broker: Broker, login: tuple[str, str] | None = None) -> None:
        self.told: list[tuple[str, bytes]] = []
        self.kept: dict[str, bytes] = {}
        self._ready = False
        self._client = Client(CallbackAPIVersion.VERSION2)
        if login:
            self._client.username_pw_set(*login)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        until(lambda: self._ready)

    def texts(self, topic: str) -> list[str]:
        return [payload.decode() for each, payload in self.told if each == topic]

    def events(self) -> list[Any]:
        return [json.loads(text) for text in self.texts("edgeclip/door/events")]

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, 1, retain=True).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribed(self, *_: object) -> None:
        self._ready = True

    def _heard(self, _client: Client, _data: Any, message: Any) -> None:
        self.told.append((message.topic, message.payload))
        if message.retain:
            self.kept[message.topic] = message.payload
