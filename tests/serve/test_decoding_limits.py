"""Decoders and what strangers send: limits of time, memory and rights that the kernel holds."""

from __future__ import annotations

import os
import random
import re
import signal
from pathlib import Path

import pytest
from PIL import Image

from edgeclip.errors import ImageRejected
from edgeclip.model.model import Model
from edgeclip.serve import decoder, decoding
from edgeclip.serve.shares import LEAST_MB
from tests.pictures import encoded, photo, png
from tests.serve.decoded import GOOD, TOO_LONG, cpu_s, decoders
from tests.usage import children


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGBUS"])
def test_a_crash_refuses_the_picture_and_the_next_one_is_made(model, harm, name):
    with decoders(model) as made:
        with pytest.raises(ImageRejected, match=rf"ended the decoder \({name}.*Save it again"):
            made.tensor(b"die " + name.encode())
        assert made.deaths == 1
        assert (made.tensor(GOOD) == model.image_tensor(GOOD)).all()
        assert made.deaths == 1


def test_a_child_that_computes_for_too_long_is_ended_by_the_kernel(model, harm, monkeypatch):
    monkeypatch.setattr(decoding, "_PATIENCE", 600.0)  # only the limit on CPU time is left
    with decoders(model, seconds=1) as made:
        with pytest.raises(ImageRejected, match=TOO_LONG):
            made.tensor(b"spin")
        assert (made.deaths, made.tensor(GOOD).shape) == (1, (3, 32, 32))


def test_time_counts_for_each_picture_by_itself(model, harm):
    big = encoded(photo(1500, 1500), "PNG")
    with decoders(model, seconds=1) as made:
        made.tensor(GOOD)
        (pid,) = children()
        while cpu_s(pid) < 2.2:
            made.tensor(big)
        assert made.deaths == 0 and children() == [pid]


def test_a_child_that_waits_for_nothing_is_ended(model, harm, monkeypatch):
    monkeypatch.setattr(decoding, "_PATIENCE", 0.0)
    with decoders(model, seconds=1) as made:
        with pytest.raises(ImageRejected, match=TOO_LONG):
            made.tensor(b"hang")
        assert (made.deaths, made.tensor(GOOD).shape) == (1, (3, 32, 32))


def test_a_child_that_does_not_listen_is_ended(model, harm, monkeypatch):
    monkeypatch.setattr(decoding, "_PATIENCE", 0.0)
    with decoders(model, seconds=1) as made:
        made.open()
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(ImageRejected, match=TOO_LONG):
            made.tensor(bytes(8 << 20))  # more than a pipe holds
        assert children() != [pid]


def test_a_picture_that_needs_too_much_memory_is_refused(model):
    huge = png(7_000, 7_000)  # some kilobytes, and within the limit on pixels
    with decoders(model, megabytes=100) as made:
        for make in (made.tensor, lambda data: made.thumbnail(data, 64)):
            with pytest.raises(ImageRejected, match="memory"):
                make(huge)
        assert made.tensor(GOOD).shape == (3, 32, 32)
    with decoders(model, megabytes=500) as made:
        assert made.tensor(huge).max() < 0


@pytest.mark.parametrize("kind", ["alpha", "grey"])
def test_what_the_size_alone_tells_is_refused_before_it_takes_memory(model, kind):
    colour, megabytes = {"alpha": (6, 300), "grey": (0, 150)}[kind]
    huge = png(7_000, 7_000, colour=colour)
    with decoders(model, megabytes=megabytes) as made:
        made.open()
        (pid,) = children()
        before = _peak_mb(pid)
        told = f"7000x7000 pixels, and needs more memory than the {megabytes} MB .* Make it smaller"
        for make in (made.tensor, lambda data: made.thumbnail(data, 64)):
            with pytest.raises(ImageRejected, match=told):
                make(huge)
        assert made.facts(huge)["width"] == 7000
        assert (_peak_mb(pid) - before, made.deaths, children()) == (
            pytest.approx(0, abs=8),
            0,
            [pid],
        )


def test_a_photograph_of_24_megapixels_needs_no_more_than_the_least_share(model):
    large = photo(600, 400).resize((6000, 4000), Image.Resampling.BILINEAR)
    exif = Image.Exif()
    exif[0x0112] = 6
    heaviest = {"quality": 92, "subsampling": 0, "progressive": True, "exif": exif}
    with decoders(model, megabytes=LEAST_MB) as made:
        assert made.tensor(encoded(large, "JPEG", **heaviest)).shape == (3, 32, 32)
        assert made.deaths == 0


def test_a_progressive_picture_that_needs_too_much_is_not_called_damaged(model):
    large = photo(600, 400).resize((6000, 4000))
    sampled = {
        number: encoded(large, "JPEG", progressive=True, subsampling=number) for number in (0, 2)
    }
    with decoders(model, megabytes=200) as made:
        with pytest.raises(ImageRejected, match="more memory than the 200 MB"):
            made.tensor(sampled[0])  # 4:4:4 takes 229
        assert made.tensor(sampled[2]).shape == (3, 32, 32)  # 4:2:0 takes 160
    for end in range(700):
        decoder.check_memory(sampled[0][:end], 0, 0)
    for number in range(200):
        decoder.check_memory(b"\xff\xd8" + random.Random(number).randbytes(300), 0, 0)
        decoder._coefficients(b"\xff\xd8\xff\xc2" + random.Random(number).randbytes(number))


def test_a_draft_may_be_larger_than_its_memory(tiny_model):
    large = encoded(Image.new("RGB", (8000, 6000)), "JPEG")
    with decoders(Model.load(tiny_model, draft=True), megabytes=100) as made:
        assert made.tensor(large).shape == (3, 32, 32)
    with decoders(Model.load(tiny_model), megabytes=100) as made:
        with pytest.raises(ImageRejected, match="more memory than the 100 MB"):
            made.tensor(large)
        assert made.thumbnail(large, 64)


def _peak_mb(pid: int) -> float:
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert peak
    return int(peak[1]) / 1024


def test_a_decoder_gets_no_more_memory_than_it_may_have(model, harm):
    with decoders(model, megabytes=64) as made:
        with pytest.raises(ImageRejected, match="more memory than it may have"):
            made.tensor(b"eat")
        (pid,) = children()
        assert _peak_mb(pid) < 180
        assert made.tensor(GOOD).shape == (3, 32, 32) and made.deaths == 0


@pytest.mark.parametrize("word", [b"fail", b"short", b"nan"])
def test_nonsense_is_no_tensor(model, harm, word):
    with decoders(model) as made:
        with pytest.raises(ImageRejected, match="the picture"):
            made.tensor(word)
        assert (made.tensor(GOOD) == model.image_tensor(GOOD)).all()


def test_what_a_decoder_prints_and_reads_is_no_part_of_the_talk(model, harm):
    with decoders(model) as made:
        assert (made.tensor(b"babble") == 1).all()
        assert (made.tensor(GOOD) == model.image_tensor(GOOD)).all()


def test_a_child_can_write_no_file(model, harm, tmp_path):
    with decoders(model) as made, pytest.raises(ImageRejected, match="not written: File too large"):
        made.tensor(b"write " + os.fsencode(tmp_path / "file"))


def test_the_limits_are_the_kernels(model):
    with decoders(model, megabytes=100) as made:
        made.open()
        (pid,) = children()
        size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
        limits = Path(f"/proc/{pid}/limits").read_text()
        niceness = os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0)
    found = {
        name: re.search(rf"^{name}\s+(\d+)\s+(\d+)", limits, re.M)
        for name in ("Max core file size", "Max file size", "Max open files", "Max address space")
    }
    core, file, files, space = (match and match.groups() for match in found.values())
    assert core == file == ("0", "0") and files == ("32", "32") and space[0] == space[1]
    assert 0 <= int(space[0]) - size - (100 << 20) < 8 << 20
    assert niceness == 5


def test_a_child_is_the_first_that_the_kernel_ends(model):
    with decoders(model) as made:
        made.open()
        (pid,) = children()
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
    assert Path("/proc/self/oom_score_adj").read_text() != "1000\n"


def test_a_child_knows_no_secrets(model, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLIP_TOKEN", "hush, hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush, too")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{tmp_path}")
    with decoders(model) as made:
        made.open()
        (pid,) = children()
        told = Path(f"/proc/{pid}/environ").read_bytes()
    names = {entry.partition(b"=")[0].decode() for entry in told.split(b"\0") if entry}
    assert b"hush" not in told and "NOTIFY_SOCKET" not in names
    assert os.fsencode(tmp_path) in told and {"MALLOC_ARENA_MAX", "PATH"} <= names
