"""The child process that decodes what strangers send: ``python -m edgeclip.serve.decoder``.

A decoder that crashes, spins or wants all memory ends this process and nothing else.  It is told
on stdin how pictures are prepared (a line of JSON), and answers on stdout: `READY` once it is warm,
then one message for each picture.  It ends with whoever started it: an idle one reads the end of
its pipe, and a busy one has a limited time.

The kernel keeps the limits: C code that never returns to Python would obey no others.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import resource
import signal
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import IO, Any

from edgeclip.errors import ImageRejected, UnsupportedFormat

QUESTION = struct.Struct("<cIQ")
"""Kind, longest side of a thumbnail, bytes of the picture that follows."""
ANSWER = struct.Struct("<cQ")
"""Kind, bytes of the payload that follows."""
TENSOR, THUMBNAIL, FACTS = b"T", b"J", b"I"
"""Kinds of questions, and of what answers them: float32 numbers, and a JPEG file."""
READY, FAILED, REJECTED, UNSUPPORTED = b"R", b"F", b"X", b"U"
"""Other kinds of answers; the payload of the last three is a text."""
MOST_TEXT = 4096
"""Bytes of a text, at most."""

_NICENESS = 5
_FILES = 32
_QUALITY = 85
# The first picture pays for the imports of Pillow's formats; it is this black pixel.
_WARM_UP = b"P6 1 1 255\n\0\0\0"
# What a picture takes while it is decoded, at the least, in bytes a pixel: Pillow keeps four for
# colours, and transparency is laid on white with three copies and a mask.
_OPAQUE, _TRANSPARENT = 4, 17
_WITH_ALPHA = (b"\x04", b"\x06")
"""Colour types of a PNG, its 26th byte (RFC 2083, 4.1.1)."""
_JPEG, _BASELINE, _PROGRESSIVE = b"\xff\xd8", (b"\xc0", b"\xc1"), b"\xc2"
"""How a JPEG begins, and the markers of its frame (ITU-T T.81, B.1.1.3)."""
_MOST_SEGMENTS = 1000
_MEMORY = "the picture needs more memory than it may have. Make it smaller."

Payload = bytes | memoryview
Work = Callable[[bytes, int], Payload]


def main() -> None:
    """Serve until whoever started this closes the pipe, or has gone."""
    _volunteer()
    _set_signals()
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123
        for stream in (0, 1, 2):  # decoders write there, and some would read there
            os.dup2(nothing.fileno(), stream)
    told = json.loads(questions.readline())
    try:
        work = _work(told)
        for do in work.values():
            do(_WARM_UP, 1)
        confine(told["megabytes"] << 20)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        _send(answers, FAILED, _text(reason))
    else:
        _serve(questions, answers, work, told)
    # No orderly end: it might wait for what a decoder has left behind.
    signal.raise_signal(signal.SIGKILL)


def thumbnail(data: bytes, size: int, max_pixels: int) -> bytes:
    """Return a picture as a small JPEG file: upright, and without what else it may tell.

    Args:
        data: the encoded picture.
        size: longest side; a smaller picture stays as it is.
        max_pixels: refuse larger pictures before they are decoded.
    """
    from edgeclip.model import images

    picture = images.read(data, draft_size=2 * size, max_pixels=max_pixels)
    picture.thumbnail((size, size))
    picture.info = {}  # a comment would be written, too
    file = BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def confine(memory: int) -> None:
    """Set the limits that hold for this process as long as it lives.

    Args:
        memory: bytes of address space beyond what it has now.
    """
    os.nice(_NICENESS)  # whatever a stranger sends, the service itself goes first
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
        present = int(file.read().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: present + memory,
        resource.RLIMIT_NOFILE: _FILES,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        most = _at_most(kind, most)
        resource.setrlimit(kind, (most, most))


def check_memory(data: bytes, memory: int, max_pixels: int) -> None:
    """Refuse a picture whose size alone tells that it needs too much; others may all the same.

    Args:
        data: the encoded picture; what cannot be read passes, and is refused by whoever decodes it.
        memory: bytes that it may have.
        max_pixels: larger ones pass, too.

    Raises:
        ImageRejected: it needs more.
    """
    from edgeclip.model import images

    try:
        width, height = images.header(data).size
    except ImageRejected:
        return
    if width * height * _taken(data) > memory and width * height <= max_pixels:
        raise ImageRejected(
            f"the picture has {width}x{height} pixels, and needs more memory than the "
            f"{memory >> 20} MB that it may have here. Make it smaller."
        )


def _taken(data: bytes) -> float:
    """Return how many bytes each pixel of a picture takes at the least."""
    if data[:4] == b"\x89PNG" and data[25:26] in _WITH_ALPHA:
        return _TRANSPARENT
    return _OPAQUE + (_coefficients(data) if data.startswith(_JPEG) else 0)


def _coefficients(data: bytes) -> float:
    """Return the bytes a pixel that a JPEG takes besides: a progressive one waits as a whole."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker, size = data[at + 1 : at + 2], int.from_bytes(data[at + 2 : at + 4])
        if data[at : at + 1] != b"\xff" or marker in _BASELINE:
            break
        if marker == _PROGRESSIVE:
            sampling = [(each >> 4, each & 15) for each in data[at + 11 : at + 2 + size : 3]]
            largest = math.prod(max(sides) for sides in zip(*sampling, strict=True))
            return 2 * sum(map(math.prod, sampling)) / largest if sampling and largest else 0
        at += 2 + size
    return 0


def _volunteer() -> None:
    """Be the first that the kernel ends when memory is short: the service is worth more."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")


def _set_signals() -> None:
    # An application hands its own settings down; the limits need the kernel's.
    for number in (signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the one who wants the pictures
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _work(told: Mapping[str, Any]) -> dict[bytes, Work]:
    """Return what to do for each kind of question."""
    from edgeclip.model.facts import facts
    from edgeclip.model.towers import image_tower

    module, _, name = told["maker"].partition(":")
    make = getattr(importlib.import_module(module), name)
    tower, most = image_tower(told["tower"]), told["max_pixels"]
    fit, draft, memory = told["fit"], told["draft"], told["megabytes"] << 20

    def check(data: bytes, draft: bool) -> None:
        if not (draft and data.startswith(_JPEG)):  # which is decoded at a reduced scale
            check_memory(data, memory, most)

    def tensor(data: bytes, _: int) -> Payload:
        check(data, draft)
        made = make(data, tower, fit=fit, draft=draft, max_pixels=most)
        return memoryview(made).cast("B")

    def small(data: bytes, size: int) -> Payload:
        check(data, True)
        return thumbnail(data, size, most)

    return {
        TENSOR: tensor,
        THUMBNAIL: small,
        FACTS: lambda data, _: json.dumps(facts(data, None)).encode(),
    }


def _serve(
    questions: IO[bytes], answers: IO[bytes], work: Mapping[bytes, Work], told: Mapping[str, Any]
) -> None:
    _send(answers, READY)
    while len(head := questions.read(QUESTION.size)) == QUESTION.size:
        kind, size, count = QUESTION.unpack(head)
        data = questions.read(count)
        if len(data) < count:
            return
        _give_time(told["seconds"], told["patience_s"])
        answer = _answered(kind, work[kind], data, size)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, *answer)


def _answered(kind: bytes, do: Work, data: bytes, size: int) -> tuple[bytes, Payload]:
    try:
        return kind, do(data, size)
    except UnsupportedFormat as error:
        return UNSUPPORTED, _text(str(error))
    except ImageRejected as error:
        return REJECTED, _text(str(error))
    except MemoryError:
        return REJECTED, _text(_MEMORY)


def _give_time(seconds: float, patience_s: float) -> None:
    """Let the kernel end this process after so much CPU time, or so much time of any kind."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + seconds)
    soft = _at_most(resource.RLIMIT_CPU, until)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    signal.setitimer(signal.ITIMER_REAL, patience_s)


def _at_most(kind: int, most: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return most if hard == resource.RLIM_INFINITY else min(most, hard)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "replace")[:MOST_TEXT]


def _send(answers: IO[bytes], kind: bytes, payload: Payload = b"") -> None:
    try:
        for part in (memoryview(ANSWER.pack(kind, len(payload))), memoryview(payload)):
            while part:
                part = part[answers.write(part) :]
    except BrokenPipeError:  # nobody reads any more; the end of the other pipe says so, too
        pass


if __name__ == "__main__":
    main()
