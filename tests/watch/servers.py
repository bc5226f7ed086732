"""Real servers of streams on loopback, each a process of its own that can be killed.

``python -m tests.watch.servers mjpeg PORT`` serves JPEGs over HTTP, and ``… rtsp PORT`` H.264 over
RTSP inside TCP, which ffmpeg encodes.  The red of a picture tells how many came before it.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from tests.programs import needed

FPS = 25
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port that nobody listens on.

    Below those that the kernel gives to whoever connects: one that is let go is free again later.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def started(kind: str, port: int) -> subprocess.Popen[bytes]:
    """Start a server and wait until it listens."""
    command = [sys.executable, "-m", "tests.watch.servers", kind, str(port)]
    # A group of its own: what it started itself is killed with it.
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, process_group=0
    )
    assert server.stdout and server.stdout.readline() == b"listening\n"
    server.stdout.close()
    return server


def killed(server: subprocess.Popen[bytes]) -> None:
    """Kill a server as a power cut does."""
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@contextlib.contextmanager
def serving(kind: str) -> Iterator[str]:
    """Serve meanwhile; yield the address."""
    port = free_port()
    server = started(kind, port)
    try:
        yield address(kind, port)
    finally:
        killed(server)


def address(kind: str, port: int) -> str:
    """Return what a camera app would show."""
    scheme = {"mjpeg": "http", "rtsp": "rtsp"}[kind]
    return f"{scheme}://127.0.0.1:{port}/live"


def number_of(picture: np.ndarray) -> int:
    """Return how many pictures came before this one of a stream of JPEGs, modulo 200."""
    return round(float(picture[:, :, 0].mean()))


class _Mjpeg(BaseHTTPRequestHandler):
    began = time.monotonic()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        # The number of a picture is the time: a reader that lags shows old ones.
        while True:
            number = int((time.monotonic() - self.began) * FPS)
            jpeg = _jpeg(number % 200)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            time.sleep(max(0.0, (number + 1) / FPS - (time.monotonic() - self.began)))

    def log_message(self, *_) -> None: ...


def _jpeg(red: int) -> bytes:
    noise = np.random.default_rng().integers(90, 110, (120, 160, 1), np.uint8)
    picture = np.repeat(noise, 3, axis=2)
    picture[:, :, 0] = red
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


def _serve_mjpeg(port: int) -> None:
    ThreadingHTTPServer.allow_reuse_address = True
    with ThreadingHTTPServer(("127.0.0.1", port), _Mjpeg) as server:
        print("listening", flush=True)
        server.serve_forever()


def _serve_rtsp(port: int) -> None:
    """Serve what ffmpeg sends here to whoever asks, one after the other."""
    with socket.create_server(("127.0.0.1", port)) as server, tempfile.TemporaryDirectory() as home:
        packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        packets.bind(("127.0.0.1", 0))
        description = _encoder(packets.getsockname()[1], Path(home) / "sdp")
        print("listening", flush=True)
        while True:
            connection, _ = server.accept()
            with contextlib.suppress(OSError), connection:
                _talk(connection, description, packets)


def _encoder(port: int, sdp: Path) -> str:
    source = f"testsrc2=size=160x120:rate={FPS}"
    subprocess.Popen(
        f"{needed('ffmpeg')} -v error -re -f lavfi -i {source} -an -c:v libx264 -threads 1 -preset "
        f"ultrafast -tune zerolatency -g 10 -x264-params repeat-headers=1 -pix_fmt yuv420p "
        f"-f rtp -sdp_file {sdp} rtp://127.0.0.1:{port}?pkt_size=1200".split(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while not sdp.exists() or "m=video" not in sdp.read_text():
        time.sleep(0.02)
    lines = sdp.read_text().removeprefix("SDP:\n").splitlines()
    lines = [f"m=video 0 {line.split(' ', 2)[2]}" if line[:2] == "m=" else line for line in lines]
    return "\r\n".join([*lines, "a=control:track0", ""])


def _talk(connection: socket.socket, description: str, packets: socket.socket) -> None:
    requests = connection.makefile("r", encoding="ascii", newline="\r\n")
    while True:
        lines = []
        while (line := requests.readline()) not in ("\r\n", ""):
            lines.append(line.strip())
        if not lines:
            return
        fields = dict(line.split(": ", 1) for line in lines[1:])
        verb, body = lines[0].split()[0], ""
        answer = {"CSeq": fields["CSeq"], "Session": "1", "Public": "DESCRIBE, SETUP, PLAY"}
        if verb == "DESCRIBE":
            body = description
            answer |= {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
        elif verb == "SETUP" and "TCP" not in fields["Transport"]:
            return  # a router that lets no UDP in says nothing either
        elif verb == "SETUP":
            answer["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
        connection.sendall(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode())
        if verb == "PLAY":
            _relay(connection, packets)


def _relay(connection: socket.socket, packets: socket.socket) -> None:
    """Send each packet inside the connection (RFC 2326, 10.12)."""
    packets.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while packets.recv(65536):  # what nobody wanted
            pass
    packets.setblocking(True)
    # What the player says from now on does not matter.
    threading.Thread(target=_swallow, args=[connection], daemon=True).start()
    while True:
        packet = packets.recv(65536)
        connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)


def _swallow(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


if __name__ == "__main__":
    {"mjpeg": _serve_mjpeg, "rtsp": _serve_rtsp}[sys.argv[1]](int(sys.argv[2]))
