"""Every example runs, and each is shorter than 40 lines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from edgeclip import Index
from tests.programs import needed
from tests.watch.conftest import encode

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(example: str, folder: Path, *arguments: str, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / example), *arguments],
        cwd=folder,
        env=environment | {"EDGECLIP_MODEL": "starter"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_is_short_and_tested(example: str) -> None:
    assert len((EXAMPLES / example).read_text("utf-8").splitlines()) < 40
    assert f'run("{example}"' in Path(__file__).read_text("utf-8")


def test_demo(tmp_path: Path) -> None:
    shown = run("demo.py", tmp_path)
    assert shown.index("rocket.jpg") < shown.index("chelsea.png") < shown.index("coffee.png")
    assert all(word in shown for word in ("added", "model_load_s", "text_per_query_ms"))
    giraffe = shown.split("a giraffe\n")[1].split("$")[0]
    assert "no good match" in giraffe and shown.count("no good match") == 1
    assert "keep             motorcycle_left.png" in shown and "7 groups with 16 of 27" in shown
    _, classified = shown.split("\n$ ")[-1].split("\n", 1)
    assert "cat" in classified.split("dog")[0]
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.width > 800
        assert sheet.height > 1000


def test_zero_shot(photos: Path, tmp_path: Path) -> None:
    shown = run("zero_shot.py", tmp_path, "cat,rocket", str(photos / "chelsea.png"))
    assert "chelsea.png: cat" in shown


def test_folder_search(photos: Path, tmp_path: Path) -> None:
    shown = run("folder_search.py", tmp_path, "a cup of coffee", str(photos))
    assert shown.splitlines()[0].endswith("coffee.png")


@pytest.mark.parametrize(
    ("example", "given"),
    [
        ("camera_alert.py", ["0"]),
        ("embed_in_your_app.py", []),
        ("folder_search.py", ["a cat"]),
        ("kiosk.py", ["0", "photos.index"]),
        ("own_session.py", []),
        ("zero_shot.py", ["cat,dog"]),
    ],
)
def test_says_how_it_is_used(example: str, given: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / example), *given]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith(f"usage: python {example} ")
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())


def test_own_session(photos: Path, tmp_path: Path) -> None:
    assert len(run("own_session.py", tmp_path, str(photos / "chelsea.png")).split()) >= 4


@pytest.fixture
def film(photos: Path, tmp_path: Path) -> Path:
    """A folder of pictures: a cup of coffee, and from the sixth second on for eight a cat."""
    names = ["coffee.png"] * 5 + ["chelsea.png"] * 8 + ["coffee.png"] * 7
    return frames_of(tmp_path / "film", [photos / name for name in names])


def frames_of(folder: Path, paths: list[Path]) -> Path:
    folder.mkdir()
    for number, path in enumerate(paths):
        with Image.open(path) as picture:
            picture.convert("RGB").resize((320, 240)).save(folder / f"{number}.jpg")
    return folder


def pack(folder: Path, settings: str) -> str:
    """Compile a rule for cats, as the example says."""
    (folder / "rules.toml").write_text(f'[[rule]]\nname = "cat"\n{settings}\n')
    command = ["edgeclip", "pack", "rules.toml", "-o", "rules.pack"]
    options = ["-m", "starter"]
    subprocess.run(
        [sys.executable, "-m", *command, *options], cwd=folder, check=True, capture_output=True
    )
    return "rules.pack"


def test_camera_alert(film: Path, tmp_path: Path) -> None:
    shown = run("camera_alert.py", tmp_path, "film", pack(tmp_path, "threshold = 0.5"))
    first, *events = shown.splitlines()
    assert re.fullmatch(r"cat: above 0\.00, now -\d+\.\d\d", first)
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in events] == [
        "cat: started, 2 s",
        "cat: ended, 7 s",
    ]


def test_camera_alert_learns_and_keeps_what_it_learnt(film: Path, photos, tmp_path: Path) -> None:
    assert "a cat: learning, now " in run("camera_alert.py", tmp_path, "film", "a cat")
    assert set(json.loads((tmp_path / "watched.json").read_text())["state"]["rules"]) == {"a cat"}
    with Image.open(photos / "coffee.png") as picture:
        still = np.asarray(picture.convert("RGB").resize((320, 240)))
    encode(tmp_path / "still.avi", [still] * 1290, rate=1)
    rules = pack(tmp_path, 'false_alerts = "3 an hour"')
    learning, watching = run("camera_alert.py", tmp_path, "still.avi", rules).splitlines()
    assert learning.startswith("cat: learning") and watching.startswith("cat: above ")
    again = run("camera_alert.py", tmp_path, "film", rules)
    assert "learning" not in again and "cat: started" in again and "cat: ended, 7 s" in again


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["0", "a cat"], {"EDGECLIP_MODEL": "gone"}, "'gone'"),
        (["0", "gone.pack"], {}, "gone.pack cannot be read"),
        (["gone.mp4", "a cat"], {}, "gone.mp4 does not exist"),
        (["notes.txt", "a cat"], {}, "notes.txt is no video"),
    ],
)
def test_camera_alert_says_what_is_missing(arguments, variables, said, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    command = [sys.executable, str(EXAMPLES / "camera_alert.py"), *arguments]
    environment = os.environ | {"EDGECLIP_MODEL": "starter"} | variables
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1


@pytest.fixture
def album(photos: Path, tmp_path: Path) -> str:
    """An index of five photographs."""
    (tmp_path / "album").mkdir()
    for name in ("astronaut.png", "coffee.png", "rocket.jpg", "chelsea.png", "brick.png"):
        (tmp_path / "album" / name).write_bytes((photos / name).read_bytes())
    command = ["edgeclip", "index", "album", "--index", "album.index", "-m", "starter"]
    subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, check=True, capture_output=True)
    return "album.index"


def test_kiosk_without_a_screen(photos: Path, album: str, tmp_path: Path) -> None:
    frames_of(tmp_path / "film", [photos / "coffee.png", photos / "chelsea.png"])
    run("kiosk.py", tmp_path, "film", album, "cat,rocket")
    with Image.open(tmp_path / "kiosk.png") as page:
        assert page.size == (1280, 720)
        shown = np.asarray(page.convert("RGB")).astype(int)
    # The nearest picture of the index is that of the cat itself.
    with Image.open(photos / "chelsea.png") as cat:
        like = np.asarray(ImageOps.fit(cat.convert("RGB"), (200, 200))).astype(int)
    assert np.array_equal(shown[480:680, 40:240], like)
    assert not np.array_equal(shown[480:680, 260:460], like)
    # The label is white on what stands before the camera.
    assert (shown[30:110, 40:300] == 255).all(-1).sum() > 500


def test_kiosk_on_a_screen(photos: Path, album: str, tmp_path: Path) -> None:
    pytest.importorskip("tkinter")
    frames_of(tmp_path / "film", [photos / "chelsea.png"] * 3)
    options = ["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"]
    screen = subprocess.Popen(
        [needed("Xvfb"), *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert screen.stdout is not None
        number = screen.stdout.readline().decode().strip()
        run("kiosk.py", tmp_path, "film", album, "cat,rocket", DISPLAY=f":{number}")
        assert not (tmp_path / "kiosk.png").exists()  # a card wears out by it
    finally:
        screen.terminate()
        screen.communicate()


def test_kiosk_refuses_an_index_of_another_kind(album: str, tmp_path: Path, photos: Path) -> None:
    with Index.open(tmp_path / "other.index", "0" * 64):
        pass
    frames_of(tmp_path / "film", [photos / "chelsea.png"])
    with pytest.raises(AssertionError, match="SpaceMismatch"):
        run("kiosk.py", tmp_path, "film", "other.index", "cat,rocket")


def test_embed_in_your_app(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes((photos / "rocket.jpg").read_bytes()[:2000])
    names = [str(photos / name) for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    shown = run("embed_in_your_app.py", tmp_path, *names, "torn.jpg").splitlines()
    expected = [f"{n}: {w}" for n, w in zip(names, ("cat", "coffee", "rocket"), strict=True)]
    # By asyncio as they come, then by the pool in order; a bad picture is no reason to stop.
    assert sorted(shown[:4]) == sorted(shown[4:])
    assert shown[4:7] == expected and "torn.jpg" in shown[7]
