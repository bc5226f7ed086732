"""Frames of what is recorded: videos, folders and lists; nothing of it is dropped."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeclip import Frame, frames
from edgeclip.errors import CameraError, ImageRejected
from edgeclip.watch.frame import CameraState
from tests.pictures import photo
from tests.watch.conftest import COUNT, RATE, coloured, encode, ffmpeg


def numbers(found):
    return [round(float(frame.picture[:, :, 0].mean()) / 20) for frame in found]


def test_each_frame_of_a_video_with_its_own_time(video):
    found = list(frames(video))
    assert [frame.time for frame in found] == pytest.approx([n / RATE for n in range(COUNT)])
    assert numbers(found) == list(range(COUNT))
    assert all(frame.dropped == 0 for frame in found)
    for frame in found:  # red, green, blue in this order; JPEG changes them a little
        assert frame.picture.shape == (120, 160, 3) and frame.picture.dtype == np.uint8
        assert np.abs(frame.picture.mean((0, 1)) - coloured(numbers([frame])[0])[0, 0]).max() < 6


@pytest.mark.parametrize(
    ("fps", "expected"),
    [(2, [0, 2, 4, 6, 8, 10]), (1, [0, 4, 8]), (3, [0, 2, 3, 4, 6, 7, 8, 10, 11]), (0.1, [0])],
)
def test_a_video_is_sampled_by_its_own_times(video, fps, expected):
    assert numbers(frames(str(video), fps=fps)) == expected


@pytest.mark.parametrize("fps", [4, 30])
def test_no_frame_comes_twice(video, fps):
    assert numbers(frames(video, fps=fps)) == list(range(COUNT))


def test_a_video_with_a_gap_in_its_times(tmp_path):
    path = tmp_path / "gap.mp4"
    ffmpeg(
        "-f lavfi -i testsrc2=size=160x120:rate=10:duration=3 -vf",
        "select=not(between(n\\,6\\,18)) -vsync vfr -c:v libx264",
        path,
    )
    times = [frame.time for frame in frames(path, fps=5)]
    assert times == pytest.approx([0, 0.2, 0.4, 1.9, 2.0, 2.2, 2.4, 2.6, 2.8], abs=0.01)


def test_a_video_that_was_taken_upright(tmp_path):
    lying = np.zeros((48, 96, 3), np.uint8)
    lying[:, :48] = 250  # white on the left
    source, path = encode(tmp_path / "lying.avi", [lying] * 3), tmp_path / "upright.mp4"
    ffmpeg("-i", source, "-c:v libx264 -pix_fmt yuv420p", path)
    # The matrix of the track: (x, y) is shown at (-y, x).
    content = path.read_bytes()
    at = content.rindex(struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:at] + turned + content[at + 36 :])
    for frame in frames(path):
        assert frame.picture.shape == (96, 48, 3)
        assert frame.picture[:40].mean() > 200 and frame.picture[56:].mean() < 50  # white on top


def test_frames_larger_than_a_pipe(tmp_path):
    wide = np.array(photo(1920, 1080))
    found = list(frames(encode(tmp_path / "wide.avi", [wide] * 3)))
    assert [frame.picture.shape for frame in found] == [(1080, 1920, 3)] * 3
    assert all(np.abs(frame.picture.astype(int) - wide).mean() < 8 for frame in found)


def test_every_verb_takes_a_frame(video, model):
    frame = next(frames(video))
    assert np.array_equal(model.embed_image(frame), model.embed_image(frame.picture))


def test_a_name_that_looks_like_an_address_or_an_option(video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-i", "concat:a|b.avi", "%03d.avi", "csi.avi"):
        Path(name).write_bytes(video.read_bytes())
        assert len(list(frames(name))) == COUNT


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"this is no video", "a.mp4 is no video that can be read. Give another"),
        ("b.mp4", b"", "b.mp4 is no video that can be read. Give another"),
        # A playlist must not lead to other files or to the network.
        ("c.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n", "c.m3u8 is no video"),
    ],
)
def test_a_file_that_is_no_video(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CameraError, match=message) as caught:
        next(frames(tmp_path / name))
    assert isinstance(caught.value, OSError) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["photo.jpg", "photo.PNG", "photo.webp"])
def test_a_picture_is_no_video(tmp_path, name):
    photo().save(tmp_path / name)
    with pytest.raises(CameraError, match=r"photo\.\w+ is a picture. Give the folder that it is"):
        frames(tmp_path / name)


def test_a_picture_that_moves_is_a_video(tmp_path):
    pictures = [Image.fromarray(coloured(number)) for number in range(4)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=250)
    assert len(list(frames(tmp_path / "a.gif"))) == 4


def test_a_frame_is_told_without_its_pixels():
    assert repr(Frame(1.5, coloured(1), 2)) == (
        "Frame(time=1.5, dropped=2, recorded=False, blind=False)"
    )
    assert str(CameraState("lost", "it is gone", 1.5)) == "the camera is lost: it is gone"
    assert str(CameraState("open", "", 1.5)) == "the camera is open"


def test_a_file_with_sound_alone(tmp_path):
    ffmpeg("-f lavfi -i sine=duration=1", tmp_path / "sound.wav")
    with pytest.raises(CameraError, match=r"sound\.wav is no video"):
        next(frames(tmp_path / "sound.wav"))


def test_a_video_that_was_cut_off_ends_early(video, tmp_path):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    assert 2 < len(list(frames(cut))) < COUNT


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.mp4", "nowhere.mp4 does not exist. Give a camera"),
        ("gopher://camera/1", "gopher:// is no way to a camera that is known. Use rtsp://"),
        (3.5, "frames cannot be read from float"),
        (None, "frames cannot be read from NoneType"),
        (b"rtsp://camera", "frames cannot be read from bytes"),
    ],
)
def test_what_is_no_source_is_told_at_once(source, message):
    with pytest.raises(CameraError, match=message):
        frames(source)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_numbers_that_make_no_sense(video, value):
    with pytest.raises(ValueError, match="fps is"):
        frames(video, fps=value)
    with pytest.raises(ValueError, match="stale_s is"):
        frames(video, stale_s=value)
    with pytest.raises(ValueError, match="size is"):
        frames(0, size=(640, 0))


def test_a_folder_in_the_order_of_a_person(tmp_path):
    for name in ("10.png", "9.png", "a/2.JPG", "a/1.jpg", ".hidden/3.png", ".4.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        form = "PNG" if name.endswith("png") else "JPEG"
        Image.new("RGB", (len(name) + 9, 8)).save(tmp_path / name, form)
    found = list(frames(tmp_path, fps=2))
    assert [frame.picture.shape[1] - 9 for frame in found] == [5, 6, 7, 7]
    assert [frame.time for frame in found] == [0, 0.5, 1, 1.5]
    assert [frame.time for frame in frames(tmp_path)] == [0, 1, 2, 3]


def test_a_damaged_picture_of_a_folder_is_passed_over_and_counted(tmp_path):
    for number in (1, 4):
        photo().save(tmp_path / f"{number}.png")
    for number in (2, 3):
        (tmp_path / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert [(f.time, f.dropped) for f in frames(tmp_path)] == [(0, 0), (3, 2)]


def test_a_folder_without_a_picture(tmp_path):
    with pytest.raises(CameraError, match="holds no picture"):
        frames(tmp_path)
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(CameraError, match=r"No picture in .* can be read. .*1\.png is empty"):
        list(frames(tmp_path))


def test_any_iterable_of_pictures(tmp_path):
    picture = photo()
    picture.save(tmp_path / "1.png")
    given = [picture, np.array(picture), tmp_path / "1.png", (tmp_path / "1.png").read_bytes()]
    found = list(frames((item for item in given), fps=4))
    assert [frame.time for frame in found] == [0, 0.25, 0.5, 0.75]
    assert all(np.array_equal(frame.picture, np.array(picture)) for frame in found)
    found[0].picture[:] = 0  # it is the caller's own
    assert np.array_equal(np.array(picture), found[1].picture)


def test_frames_of_an_iterable_keep_their_times():
    given = [Frame(7.5, coloured(1), 3), Frame(9.0, coloured(2))]
    assert list(frames(given)) == given


def test_a_bad_picture_of_an_iterable_is_the_callers():
    loop = frames([coloured(1), np.zeros((3, 3))])
    next(loop)
    with pytest.raises(ImageRejected):
        next(loop)
