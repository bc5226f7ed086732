"""Decoders: the same tensors as the model's own, and a child's death is nobody else's."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeclip.errors import Busy, EdgeclipError, ImageRejected, UnsupportedFormat
from edgeclip.model.model import Model
from edgeclip.model.towers import image_tower
from edgeclip.serve import confined, decoder, decoding
from edgeclip.serve.decoding import Decoders, Preparing
from edgeclip.serve.shares import LEAST_MB
from tests.mutants import mutant, originals
from tests.patience import PROMPT_S, until
from tests.pictures import encoded, photo, png
from tests.serve import harmful
from tests.watch.usage import children, usage

GOOD = encoded(photo(), "PNG")
TOO_LONG = "ended the decoder \\(it took too long\\)"


@contextlib.contextmanager
def decoders(model, **options):
    """Decoders that leave no child behind."""
    before = children()
    made = Decoders(Preparing.of(model), **{"workers": 1, **options})
    try:
        yield made
    finally:
        made.close()
        until(lambda: _buried() == before)


def _buried() -> list[int]:
    """The children; one that was interrupted while it was made ends by itself, and is buried."""
    subprocess._cleanup()
    return children()


@pytest.fixture
def harm(monkeypatch):
    """Let children do what pictures say."""
    monkeypatch.setattr(decoding, "MAKER", harmful.MAKER)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def outcome(make, data):
    """What comes of a picture: its tensor, or what is said of it."""
    try:
        return make(data).tobytes()
    except ImageRejected as error:
        return type(error), str(error)


# --- the same tensors


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("options", [{}, {"fit": "pad"}, {"draft": True}], ids=str)
def test_tensors_and_refusals_equal_the_models_own(tiny_model, options):
    model = Model.load(tiny_model, **options)
    pool = originals()
    pictures = [data for datas in pool.values() for data in datas]
    pictures += [encoded(photo(900, 700), "JPEG"), b"", b"no picture", png(4000, 3)]
    pictures += [mutant(number, pool)[1] for number in range(160)]
    with decoders(model) as made:
        ours = [outcome(made.tensor, data) for data in pictures]
    assert ours == [outcome(model.image_tensor, data) for data in pictures]
    assert made.deaths == 0
    kinds = {type(each) for each in ours}
    assert kinds == {bytes, tuple}


def test_a_tensor_has_its_shape_and_may_be_written_to(model):
    with decoders(model) as made:
        tensor = made.tensor(GOOD)
    assert tensor.shape == (3, 32, 32) and tensor.dtype == np.float32 and tensor.flags.writeable


def test_the_models_limit_on_pixels_holds(tiny_model):
    small = Model.load(tiny_model, max_pixels=1000)
    with decoders(small) as made, pytest.raises(ImageRejected, match="limit of 1,000"):
        made.tensor(GOOD)


def test_a_tower_survives_the_way_to_the_child(model):
    # JSON makes lists of tuples.
    tower = model.manifest.image
    assert image_tower({**asdict(tower), "mean": list(tower.mean)}) == tower


# --- thumbnails


def test_a_thumbnail_is_small_upright_and_tells_no_more(model):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "secret"
    data = encoded(photo(400, 300), "JPEG", exif=exif, comment=b"secret", quality=95)
    with decoders(model) as made:
        found = made.thumbnail(data, 100)
        assert made.thumbnail(GOOD, 500)[:3] == b"\xff\xd8\xff"
        with Image.open(BytesIO(made.thumbnail(GOOD, 500))) as same:
            assert same.size == (60, 40)
    assert b"secret" not in found
    with Image.open(BytesIO(found)) as picture:
        assert (picture.format, picture.size, len(picture.getexif())) == ("JPEG", (75, 100), 0)
        shown = np.asarray(picture).astype(int)
    right = photo(400, 300).transpose(Image.Transpose.ROTATE_270).resize((75, 100))
    assert np.abs(shown - np.asarray(right)).mean() < 6


@pytest.mark.parametrize("size", [0, -1, 5000])
def test_a_thumbnail_has_a_sensible_size(model, size):
    with decoders(model) as made, pytest.raises(ValueError, match="from 1 to 4096"):
        made.thumbnail(GOOD, size)


def test_a_thumbnail_of_no_picture_is_refused(model):
    with decoders(model) as made, pytest.raises(UnsupportedFormat, match="is no picture"):
        made.thumbnail(b"no picture", 64)


# --- what strangers send


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
        while _cpu_s(pid) < 2.2:
            made.tensor(big)
        assert made.deaths == 0 and children() == [pid]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


# --- who waits


def test_so_many_wait_and_the_next_one_is_sent_away_at_once(model, harm):
    with decoders(model, waiting=2) as made, ThreadPoolExecutor(3) as threads:
        made.open()
        asked = [threads.submit(made.tensor, b"slow") for _ in range(3)]
        until(lambda: made._waiting == 2)
        for ask in (made.tensor, made.facts, lambda data: made.thumbnail(data, 64)):
            with pytest.raises(Busy, match="too many pictures wait"):
                ask(GOOD)
        for each in asked:
            assert (each.result() == 7).all()
        assert made.tensor(GOOD).shape == (3, 32, 32) and made._waiting == 0


def test_nobody_waits_longer_than_they_want(model, harm):
    with decoders(model) as made, ThreadPoolExecutor(3) as threads:
        made.open()
        hanging = threads.submit(made.tensor, b"hang")
        until(lambda: made._busy)
        begun = time.monotonic()
        with pytest.raises(Busy, match="no decoder was free in time"):
            made.tensor(GOOD, until=begun + 0.3)
        assert 0.3 <= time.monotonic() - begun < PROMPT_S and made._waiting == 0
        (pid,) = children()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ImageRejected):
            hanging.result()
        assert made.tensor(GOOD, until=time.monotonic() + 30).shape == (3, 32, 32)
        with pytest.raises(Busy):  # although a child is free
            made.tensor(GOOD, until=time.monotonic())


# --- children that come and go


def test_a_neighbour_is_unaffected(model, harm):
    with decoders(model, workers=2) as made, ThreadPoolExecutor() as threads:
        made.tensor(GOOD)
        (pid,) = children()
        hanging = threads.submit(made.tensor, b"hang")
        until(lambda: _cpu_s(pid) and not made._free)
        right = model.image_tensor(GOOD)
        assert (made.tensor(GOOD) == right).all()
        os.kill(pid, signal.SIGKILL)
        assert (made.tensor(GOOD) == right).all()
        with pytest.raises(ImageRejected, match="SIGKILL"):
            hanging.result()
        assert made.deaths == 1


@pytest.mark.parametrize("cold", [True, False])
def test_nobody_gets_the_answer_of_one_who_was_interrupted(model, harm, cold):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with decoders(model) as made:
            if not cold:
                made.open()
            signal.setitimer(signal.ITIMER_REAL, 0.05 if cold else 0.25)
            with pytest.raises(KeyboardInterrupt):
                made.tensor(b"slow")
            assert (made.tensor(GOOD) == model.image_tensor(GOOD)).all()
            assert made.deaths == 0
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_child_whose_start_is_interrupted_is_ended(model, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with decoders(model) as made:
        with monkeypatch.context() as patch:
            patch.setattr(confined.Child, "_connect", interrupt)
            with pytest.raises(KeyboardInterrupt) as caught:
                made.tensor(GOOD)
        assert children() == [] and caught.value  # what it holds keeps no child
        assert (made.tensor(GOOD) == model.image_tensor(GOOD)).all()


def test_an_idle_child_that_is_killed_costs_nothing(model):
    with decoders(model) as made:
        for _ in range(3):
            assert (made.tensor(GOOD) == model.image_tensor(GOOD)).all()
            (pid,) = children()
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: not is_running(pid))
        assert made.deaths == 0


def test_a_child_is_replaced_after_so_many_pictures(model, harm):
    with decoders(model, recycle=4) as made:
        pids = []
        while len(set(pids)) < 3:
            pids.append(int(made.tensor(b"pid").flat[0]))
            assert len(pids) < 20_000 and len(children()) <= 2
        assert made.deaths == 0
        # Nobody waited: the old one went on until the new one was warm.
        assert pids == sorted(pids, key=list(dict.fromkeys(pids)).index)
        assert pids.count(pids[0]) >= 4 and pids.count(pids[-2]) >= 1
        assert not is_running(pids[0])


def test_children_start_when_they_are_needed_or_told(model):
    before = len(children())
    with decoders(model, workers=2) as made:
        assert len(children()) == before
        made.tensor(GOOD)
        assert len(children()) == before + 1
        made.open()
        assert len(children()) == before + 2
        made.open()
        assert len(children()) == before + 2


def test_ctrl_c_and_the_end_of_a_unit_are_for_the_parent(model):
    with decoders(model) as made:
        made.open()
        (pid,) = children()
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        assert made.tensor(GOOD).shape == (3, 32, 32)
        assert children() == [pid]


def test_settings_of_the_application_do_not_lift_the_limits(model, harm, monkeypatch):
    monkeypatch.setattr(decoding, "_PATIENCE", 600.0)
    before = signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGXCPU])
    try:
        with decoders(model, seconds=1) as made, pytest.raises(ImageRejected, match=TOO_LONG):
            made.tensor(b"spin")
    finally:
        signal.signal(signal.SIGXCPU, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def test_many_threads_get_their_own_answers(model, harm):
    pictures = [encoded(photo(50 + seed, 40, seed), "PNG") for seed in range(6)]
    right = {data: outcome(model.image_tensor, data) for data in pictures}
    work = [*pictures, b"die SIGSEGV", b"no picture"] * 8
    with decoders(model, workers=2, recycle=7) as made, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda data: outcome(made.tensor, data), work))
        assert made.deaths == 8
    for data, got in zip(work, found, strict=True):
        if data in right:
            assert got == right[data]
        else:
            assert got[0] is (ImageRejected if data.startswith(b"die") else UnsupportedFormat)


def test_nothing_piles_up(model, harm):
    with decoders(model, recycle=60) as made:
        made.tensor(GOOD)
        before = usage().files
        for number in range(300):
            data = b"die SIGSEGV" if number % 50 == 49 else GOOD[: -(number % 3)] or GOOD
            outcome(made.tensor, data)
        until(lambda: outcome(made.tensor, GOOD) and len(children()) == 1)
        assert usage().files == before and len(made._free) == 1


def test_closing_ends_all_and_tells_who_waits(model, harm):
    with decoders(model, workers=2) as made, ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(made.tensor, b"hang") for _ in range(6)]
        made.open()
        until(lambda: len(made._busy) == 2)
        made.close()
        for each in waiting:
            with pytest.raises(EdgeclipError, match="the decoders are closed") as caught:
                each.result()
            assert not isinstance(caught.value, ImageRejected)
        assert made.deaths == 0 and not children()
        with pytest.raises(EdgeclipError, match="the decoders are closed"):
            made.open()
        made.close()


def test_closing_takes_no_longer_than_it_may(model, monkeypatch):
    with decoders(model, workers=2) as made:
        made.open()
        child = made._take()  # and whoever has it hangs
        begun = time.monotonic()
        made.close(begun + 0.4)
        assert 0.4 <= time.monotonic() - begun < 2 and made.is_closed
        made._give_back(child)
        monkeypatch.setattr(decoding, "_GOODBYE_S", 0.2)
        made.close()


# No guard around its main part, and no orderly end.
SERVICE = """
import sys, threading, time
from edgeclip.model.model import Model
from edgeclip.serve import decoding
from tests.watch.usage import children
decoding.MAKER, decoding._PATIENCE = "tests.serve.harmful:prepare", 2.0
made = decoding.Decoders(decoding.Preparing.of(Model.load(sys.argv[1])), workers=2, seconds=0.5)
made.open()
assert "PIL" not in sys.modules
threading.Thread(target=made.tensor, args=[b"hang"], daemon=True).start()
while len(made._busy) < 1:
    time.sleep(0.01)
print(*children(), flush=True)
if len(sys.argv) < 3:
    time.sleep(60)
"""


@pytest.mark.parametrize("way", ["killed", "ended"])
def test_children_end_with_their_parent(tiny_model, tmp_path, way):
    script = tmp_path / "service.py"
    script.write_text(SERVICE)
    command = [sys.executable, str(script), str(tiny_model), *(["end"] * (way == "ended"))]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in service.stdout.readline().split()]
    assert len(pids) == 2
    if way == "killed":
        service.kill()
    service.communicate()
    until(lambda: not any(map(is_running, pids)))


# --- what cannot be started


def test_a_frozen_application_cannot_decode(model, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with decoders(model) as made:
        for do in (lambda: made.tensor(GOOD), made.open):
            with pytest.raises(EdgeclipError, match="no Python to start"):
                do()


def test_no_process_is_an_error_and_the_next_try_may_work(model, monkeypatch):
    with decoders(model) as made:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        for _ in range(3):  # the turn is given back
            with pytest.raises(EdgeclipError, match=r"cannot start \(No such file"):
                made.tensor(GOOD)
        monkeypatch.undo()
        assert made.tensor(GOOD).shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("PIL/__init__.py", "raise ImportError('libjpeg.so.8 is missing')", "libjpeg.so.8 is miss"),
        ("edgeclip/__init__.py", "", "gave up with status 1"),
    ],
)
def test_a_child_that_cannot_start_says_why(model, tmp_path, monkeypatch, name, source, reason):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(source)
    with decoders(model) as made:
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")
            for do in (lambda: made.tensor(GOOD), made.open):
                with pytest.raises(EdgeclipError, match=reason) as caught:
                    do()
                assert not isinstance(caught.value, ImageRejected)
            assert made.deaths == 0
        until(lambda: isinstance(_tried(made), np.ndarray))


def _tried(made):
    with contextlib.suppress(EdgeclipError):
        return made.tensor(GOOD)


def test_a_stray_module_in_the_working_folder_is_not_imported(model, tmp_path, monkeypatch):
    for name in ("numpy", "PIL", "json", "edgeclip"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the stray one')")
    monkeypatch.chdir(tmp_path)
    with decoders(model) as made:
        assert (made.tensor(GOOD) == model.image_tensor(GOOD)).all()


@pytest.mark.parametrize("wrong", ["workers", "seconds", "megabytes", "recycle"])
def test_limits_are_above_zero(model, wrong):
    with pytest.raises(ValueError, match="must be above 0"):
        Decoders(Preparing.of(model), **{wrong: 0})
