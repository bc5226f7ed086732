"""Open a camera, a stream or a video: the only importer of cv2 and picamera2.

It runs in the child process of `edgeclip.watch.capture` alone, which may crash or hang for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeclip.errors import CameraError, ExtraMissing
from edgeclip.watch.source import Source

Picture = NDArray[np.uint8]
Size = tuple[int, int]

_OPEN_TIMEOUT_MS = 10_000
_READ_TIMEOUT_MS = 30_000  # whoever waits has given up before
_DECODING_THREADS = 2
_SURROUNDINGS = {
    # They write to the terminal of whoever started this, past Python.
    "OPENCV_LOG_LEVEL": "OFF",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    # Over UDP a lost packet smears the picture; and many routers let no UDP in.
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp",
}
_MJPG_FROM = 640 * 480
"""Above this size USB 2 has no room for raw pictures at a useful rate."""


class Capture(Protocol):
    """What can be read."""

    def grab(self) -> bool:
        """Wait for the next frame; False: there will be none."""

    def picture(self) -> Picture:
        """Decode the frame that was grabbed last: ``(h, w, 3)`` RGB."""

    def position(self) -> float:
        """Return the position of that frame in seconds; a live source has none that means much."""

    def release(self) -> None:
        """Let go of the camera."""


def opened(source: Source, size: Size | None) -> Capture:
    """Open a source.

    Args:
        source: a device, a CSI camera, a stream or a video.
        size: width and height to ask a camera for; it gives the nearest that it has.

    Raises:
        OSError: it is not there, which may change.
        CameraError: it cannot be read, which will not change.
        ExtraMissing: what would read it is not installed.
    """
    if source.kind == "csi":
        return Csi(int(source.address), size)
    cv2 = _cv2()
    if source.kind == "device":
        return Stream(_device(cv2, source, size))
    capture = cv2.VideoCapture(
        source.address,
        cv2.CAP_FFMPEG,
        [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS),
            *(cv2.CAP_PROP_N_THREADS, _DECODING_THREADS),
        ],
    )
    if capture.isOpened():
        return Stream(capture)
    if source.kind == "stream":
        raise OSError("nothing that can be read answers there")
    raise CameraError(
        f"{source.name} is no video that can be read. Give another, or convert it to MP4 with "
        "H.264."
    )


def to_rgb(picture: NDArray[Any]) -> Picture:
    """Convert what OpenCV gives (BGR, BGRA or grey, of 8 or 16 bits) to 8-bit RGB."""
    if picture.dtype == np.uint16:
        # A fixed range: a stretch to what is there would flicker.
        picture = (picture >> 8).astype(np.uint8)
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.repeat(picture.reshape(*picture.shape[:2], 1), 3, axis=2)
    cv2 = _cv2()
    code = cv2.COLOR_BGRA2RGB if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB
    converted: Picture = cv2.cvtColor(picture, code)
    return converted


class Stream:
    """What OpenCV reads."""

    def __init__(self, capture: Any) -> None:
        """Take a ``cv2.VideoCapture``."""
        self._capture = capture
        self._position = -1.0
        # Decoded into again and again: two large blocks that come and go would be handed back to
        # the kernel for each frame, and faulting them in costs more than decoding.
        self._decoded: NDArray[Any] | None = None

    def grab(self) -> bool:
        """Wait for the next frame."""
        return bool(self._capture.grab())

    def picture(self) -> Picture:
        """Decode the frame that was grabbed last."""
        ok, self._decoded = self._capture.retrieve(self._decoded)
        if not ok or self._decoded is None or self._decoded.size == 0:
            raise OSError("a picture of it cannot be decoded")
        return to_rgb(self._decoded)

    def position(self) -> float:
        """Return the frame's own time, or count where the video has no times that grow."""
        cv2 = _cv2()
        position = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if position <= self._position or not np.isfinite(position):
            rate = float(self._capture.get(cv2.CAP_PROP_FPS))
            position = self._position + 1 / (rate if 0.01 < rate < 1000 else 25.0)
        self._position = position
        return position

    def release(self) -> None:
        """Let go of the camera."""
        self._capture.release()


class Csi:
    """What picamera2 reads: a camera on the board's own port."""

    def __init__(self, number: int, size: Size | None) -> None:
        """Start a camera."""
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise ExtraMissing(
                "a CSI camera is read with picamera2: sudo apt-get install python3-picamera2, and "
                "make the virtual environment with --system-site-packages"
            ) from error
        self._camera = Picamera2(number)
        # Its BGR888 lies in memory as R, G, B.
        main: dict[str, Any] = {"format": "BGR888"} | ({"size": size} if size else {})
        self._camera.configure(self._camera.create_video_configuration(main=main, buffer_count=2))
        self._camera.start()
        self._request: Any = None

    def grab(self) -> bool:
        """Wait for the next frame."""
        self._let_go()
        self._request = self._camera.capture_request()
        return self._request is not None

    def picture(self) -> Picture:
        """Copy the frame that was grabbed last."""
        return np.array(self._request.make_array("main")[:, :, :3], dtype=np.uint8, order="C")

    def position(self) -> float:
        """A camera has no position."""
        return 0.0

    def release(self) -> None:
        """Let go of the camera."""
        self._let_go()
        self._camera.stop()
        self._camera.close()

    def _let_go(self) -> None:
        if self._request is not None:
            self._request.release()
        self._request = None


def _device(cv2: ModuleType, source: Source, size: Size | None) -> Any:
    if not Path(source.address).exists():
        raise OSError(f"there is no {source.address}")
    if not os.access(source.address, os.R_OK | os.W_OK):
        raise CameraError(
            f"{source.name} may not be opened by this user. Join the group video, and log in again."
        )
    backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    capture = cv2.VideoCapture(source.address, backend)
    if not capture.isOpened():
        raise OSError("it cannot be opened: another program uses it, or it is no camera")
    if size is not None:
        if size[0] * size[1] > _MJPG_FROM:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
    # What waits in the driver's queue is old by then.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def _cv2() -> ModuleType:
    for name, value in _SURROUNDINGS.items():
        os.environ.setdefault(name, value)
    try:
        import cv2
    except ImportError as error:
        raise ExtraMissing(
            "to read cameras and videos, install OpenCV: pip install 'edgeclip[camera]'"
        ) from error
    cv2.setNumThreads(1)
    return cv2
