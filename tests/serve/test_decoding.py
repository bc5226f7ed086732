"""Decoders: the same tensors as the model's own, and a child's death is nobody else's."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from edgeclip.errors import Busy, EdgeclipError, ImageRejected, UnsupportedFormat
from edgeclip.model.model import Model
from edgeclip.model.towers import image_tower
from edgeclip.serve import confined, decoding
from edgeclip.serve.decoding import Decoders, Preparing
from tests.mutants import mutant, originals
from tests.patience import PATIENCE_S, PROMPT_S, until
from tests.pictures import encoded, photo, png
from tests.serve.decoded import GOOD, TOO_LONG, cpu_s, decoders, is_running, outcome
from tests.usage import children, usage

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


# --- who waits


def test_so_many_wait_and_the_next_one_is_sent_away_at_once(model, harm):
    with decoders(model, waiting=2) as made, ThreadPoolExecutor(3) as threads:
        made.open()
        asked = [threads.submit(made.tensor, b"slow") for _ in range(3)]
        until(lambda: made._waiting == 2)
        for ask in (made.tensor, made.facts, lambda data: made.thumbnail(data, 64)):
            with pytest.raises(Busy, match="too many pictures wait"):
                ask(GOOD)
        assert not asked[-1].done()  # who came before them waits
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
        until(lambda: cpu_s(pid) and not made._free)
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
    monkeypatch.setattr(decoding, "_GOODBYE_S", PATIENCE_S)
    with decoders(model, workers=2) as made:
        made.open()
        child = made._take()  # and whoever has it hangs
        begun = time.monotonic()
        made.close(begun + 0.4)
        assert 0.4 <= time.monotonic() - begun < PROMPT_S and made.is_closed
        made._give_back(child)
        monkeypatch.setattr(decoding, "_GOODBYE_S", 0.2)
        made.close()


# No guard around its main part, and no orderly end.
SERVICE = """
import sys, threading, time
from edgeclip.model.model import Model
from edgeclip.serve import decoding
from tests.usage import children
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
