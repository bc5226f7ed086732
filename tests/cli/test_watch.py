"""``edgeclip watch`` on recorded sources: with a pack whose prompts are pictures."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from edgeclip.cli.wanted import called
from edgeclip.watch.gate import ChangeGate
from tests import folders, tiny
from tests.cli.films import folder_of, pack_of, rules_told, video_of


@pytest.fixture(params=["folder", "video"])
def source(request, here):
    return folder_of(here / "film") if request.param == "folder" else video_of(here / "film.avi")


def both(lines):
    """Return the beginning and the end of the one event."""
    started, ended = lines
    assert (started["state"], ended["state"]) == ("started", "ended")
    assert started["id"] == ended["id"] and {started["rule"], ended["rule"]} == {"red"}
    return started, ended


def seconds(event, name):
    return datetime.fromisoformat(event[name])


def test_what_is_seen_is_told_to_people(cli, door, source):
    done = cli("watch", source, "--rules", door)
    assert (done.code, rules_told(done.err)) == (0, ["red", "blue"])
    first, second = done.out.splitlines()
    assert "  red  started  score " in first and "  red  ended after 6 s  score " in second
    began, ended = (datetime.fromisoformat(line[:19]) for line in (first, second))
    assert ended - began == timedelta(seconds=6)


def test_what_is_seen_is_told_to_programs_and_logged(cli, door, film, here):
    done = cli("watch", "film", "--rules", door, "--json", "--log", "events.jsonl")
    started, ended = both(done.lines)
    assert (started["camera"], started["end"], ended["duration_s"]) == ("film", None, 6.0)
    assert seconds(ended, "end") - seconds(started, "start") == timedelta(seconds=6)
    assert ended["score"] > ended["threshold"] == 0.0
    log = (here / "events.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in log] == done.lines
    again = cli("watch", "film", "--rules", door, "--json", "--log", "events.jsonl")
    assert len((here / "events.jsonl").read_text().splitlines()) == 4  # appended
    assert again.lines[0]["id"] != started["id"]


def test_a_recording_can_be_watched_again(cli, door, film):
    """A cooldown is of a camera: what was watched before holds back nothing of the next time."""
    for _ in range(3):
        both(cli("watch", "film", "--rules", door, "--json", "--state", "s").lines)


def test_an_event_ends_with_its_source(cli, door, here):
    folder_of(here / "film", 10, red=range(5, 99))
    _, ended = both(cli("watch", "film", "--rules", door, "--json").lines)
    assert ended["duration_s"] == 4.0


def test_a_camera_is_called_as_one_likes(cli, door, film, here):
    options = ("--json", "--camera", "Tür/2", "--state", "s")
    done = cli("watch", "film", "--rules", door, *options)
    assert {line["camera"] for line in done.lines} == {"Tür/2"}
    assert [path.name for path in (here / "s").glob("*.json")] == ["Tür-2-669fff.json"]


def test_cameras_that_look_alike_share_nothing(cli, door, film, here):
    for name in ("a b", "a-b"):
        cli("watch", "film", "--rules", door, "--camera", name, "--state", "s")
    assert len(list((here / "s").glob("*.json"))) == 2


def test_fewer_frames_are_looked_at(cli, door, here):
    video_of(here / "film.avi", red=range(5, 15))
    done = cli("watch", "film.avi", "--rules", door, "--fps", "0.25", "--json")
    _, ended = both(done.lines)
    assert ended["duration_s"] == 4.0  # from 8 to 12


def test_frames_that_have_not_changed_are_passed_over(cli, door, film, monkeypatch):
    asked = []
    passes = ChangeGate.__call__
    monkeypatch.setattr(ChangeGate, "__call__", lambda *of: asked.append(1) or passes(*of))
    assert len(cli("watch", "film", "--rules", door, "--every-frame", "--json").lines) == 2
    assert asked == []
    assert len(cli("watch", "film", "--rules", door, "--json").lines) == 2
    assert len(asked) == 20


def test_it_learns_first_and_carries_on_where_it_was(cli, here, model):
    rules = pack_of(here / "door.pack", model)
    video_of(here / "long.avi", 1300, red={*range(300, 310), *range(1250, 1260)})
    options = ("--rules", rules, "--state", "kept", "--camera", "door", "--json")
    done = cli("watch", "long.avi", *options)
    both(done.lines)  # the first time it learnt, and alerted nobody
    notes = done.err.splitlines()
    assert "edgeclip: red: learning what this camera sees, which takes 20 min; 0% is done." in notes
    assert any(n.startswith("edgeclip: red: watching; it alerts above ") for n in notes)
    folder_of(here / "short")
    again = cli("watch", "short", *options)
    both(again.lines)
    assert [line.split(";")[0] for line in again.err.splitlines()] == [
        "edgeclip: red: watching",  # nothing to learn
        "edgeclip: blue: watching",
    ]
    forgotten = cli("watch", "short", *options[:2], "--state", "new", "--json")
    assert forgotten.out == "" and "red: learning" in forgotten.err
    (last,) = [line for line in forgotten.err.splitlines() if "red: still" in line]
    assert last == (
        "edgeclip: red: still learning at the end, 0% is done. Give a longer recording, or the "
        "rule a threshold."
    )
    assert "still" not in done.err


def test_a_state_that_cannot_be_kept_is_told(cli, door, film, here):
    (here / "kept").write_text("a file")
    done = cli("watch", "film", "--rules", door, "--state", "kept/door", "--json")
    assert (done.code, done.out) == (1, "") and "the state folder kept/door cannot" in done.line
    for folder in ("/proc", "/proc/door"):
        done = cli("watch", "film", "--rules", door, "--state", folder)
        assert done.code == 1 and f"edgeclip: the state folder {folder} cannot be " in done.line
        assert done.line.endswith(". Give another with --state.")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["film"], 2, "Give --rules or --alert, one of them."),
        (
            ["film", "--rules", "door.pack", "--alert", "cat"],
            2,
            "Give --rules or --alert, one of them.",
        ),
        (["--rules", "door.pack"], 2, "Give SOURCE or --replay VIDEO, one of them."),
        (["film", "--rules", "door.pack", "--replay", "film"], 2, "SOURCE or --replay"),
        (["film", "--rules", "door.pack", "--labels", "t.csv"], 2, "are for --replay"),
        (["film", "--rules", "door.pack", "--plot", "p.png"], 2, "are for --replay"),
        (["film", "--rules", "door.pack", "--keep-days", "3"], 2, "are for --timeline"),
        (["film", "--rules", "door.pack", "--keep-mb", "3"], 2, "are for --timeline"),
        (["film", "--rules", "door.pack", "--fps", "0"], 2, "--fps"),
        (["film", "--rules", "door.pack", "--false-alerts", "2"], 2, "is for --alert"),
        (["film", "--alert", "a cat", "--false-alerts", "some"], 1, 'a rate such as "1 a day"'),
        (
            ["--replay", "film", "--rules", "door.pack", "--log", "l"],
            2,
            "--log is not for --replay",
        ),
        (["--replay", "film", "--rules", "door.pack", "--keep-mb", "1"], 2, "--keep-mb is not"),
        (["--replay", "film", "--rules", "door.pack", "--plot", "p.jpg"], 2, "must end in .png"),
        (["0", "--rules", "door.pack", "--begin", "2h"], 2, "--begin is for a recording: a video"),
        (["rtsp://x/1", "--rules", "door.pack", "--begin", "2h"], 2, "--begin is for a recording"),
        (["film", "--rules", "door.pack", "--begin", "noon"], 2, "'--begin': 'noon' is no time."),
        (["film", "--rules", "door.pack", "--begin", "2h ago"], 2, "'2h ago' is no time"),
        (["film", "--rules", "door.pack", "--begin", "9999"], 2, "is no year of a recording"),
        (["film", "--rules", "door.pack", "--begin", "0001"], 2, "is no year of a recording"),
        (["gone.mp4", "--rules", "door.pack"], 1, "gone.mp4 does not exist"),
        (["gone.mp4", "--rules", "door.pack", "--begin", "2h"], 1, "gone.mp4 does not exist"),
        (["notes.txt", "--rules", "door.pack"], 1, "notes.txt is no video"),
        (["empty", "--rules", "door.pack"], 1, "empty holds no picture"),
        (["film", "--rules", "gone.toml"], 1, "gone.toml"),
        (["film", "--rules", "wrong.toml"], 1, "min_duration"),
        (["film", "--rules", "new.pack"], 1, "--timeline"),
        (["film", "--rules", "door.pack", "--fit", "pad"], 1, "with the same --fit"),
        (["film", "--rules", "other.pack"], 1, "was made with the model"),
        (
            ["film", "--rules", "door.pack", "--webhook", "nowhere", "--state", "s"],
            1,
            "webhook's URL",
        ),
        (["film", "--rules", "door.pack", "--mqtt", "http://x"], 1, "mqtt://"),
        (["film", "--rules", "door.pack", "--log", "gone/log"], 1, "gone/log cannot be written"),
        (["film", "--rules", "door.pack", "--timeline", "film"], 1, "film is no index"),
        (
            ["film", "--rules", "door.pack", "--timeline", "i"],
            1,
            "i is an index of the pictures in",
        ),
    ],
)
def test_wrong_uses_say_what_to_do(cli, door, film, here, model, arguments, code, words):
    (here / "notes.txt").write_text("no video")
    (here / "empty").mkdir()
    (here / "wrong.toml").write_text('[[rule]]\nname = "cat"\nmin_duration = "long"\n')
    pack_of(here / "new.pack", model, threshold=0.9, novelty=True)
    pack_of(here / "other.pack", model, space="0" * 64)
    assert cli("index", "film", "--index", "i").code == 0
    done = cli("watch", *arguments)
    assert done.code == code and words in done.err, done.err
    assert "Traceback" not in done.err and "internal" not in done.err
    if code == 1:
        assert done.line


def test_words_that_clip_cannot_hold_are_told_at_once(cli, film, here):
    done = cli("watch", "film", "--alert", "a room without people")
    assert done.code == 0
    assert done.err.startswith('edgeclip: hint: "a room without people" asks for what CLIP gets')
    (here / "rules.toml").write_text('[[rule]]\nname = "few"\nprompts = ["three cars"]\n')
    assert 'hint: "three cars"' in cli("watch", "film", "--rules", "rules.toml").err


def test_more_false_alerts_are_learnt_sooner(cli, film):
    assert "which takes 24 h" in cli("watch", "film", "--alert", "a cat").err
    done = cli("watch", "film", "--alert", "a cat", "--false-alerts", "24 a day")
    assert done.code == 0 and "which takes 60 min" in done.err


def test_words_are_watched_for_with_all_of_the_frame(cli, film, monkeypatch):
    from edgeclip.watch import watcher

    models = []
    make = watcher.Watcher.__init__
    monkeypatch.setattr(
        watcher.Watcher,
        "__init__",
        lambda self, model, *more, **named: (
            models.append(model) or make(self, model, *more, **named)
        ),
    )
    assert cli("watch", "film", "--alert", "a cat").code == 0
    assert cli("watch", "film", "--alert", "a cat", "--fit", "crop").code == 0
    padded, cropped = models
    assert padded.space == padded.manifest.space_id(fit="pad") != cropped.space
    assert cropped.space == cropped.manifest.space


def test_what_is_said_of_the_fit_is_true(cli):
    about = cli("watch", "--help").out.partition("--fit")[2].partition("--draft")[0]
    assert "[default: pad]" in about and "default: crop" not in about


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_pack_of_another_model_than_the_usual_one(cli, here, film, tiny_model, monkeypatch, fit):
    folders.copied(tiny_model, here / "models" / "tiny")
    (here / "cat.toml").write_text('[[rule]]\nname = "cat"\nthreshold = 0.9\n')
    assert cli("pack", "cat.toml", "-m", "tiny", "--fit", fit).code == 0
    source = {"kind": "formula", "weights_sha256": "0" * 64}
    tiny.make(here / "models" / "other", source=source)
    monkeypatch.setenv("EDGECLIP_MODEL", "other")
    done = cli("watch", "film", "--rules", "cat.pack", "--json")
    assert done.code == 0, done.err
    assert cli("watch", "film", "--rules", "cat.pack", "-m", "other").code == 1


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("0", "dev-video0"),
        ("/dev/video2", "dev-video2"),
        ("csi:1", "csi-1"),
        ("rtsp://me:hunter2@10.0.0.2:554/live/1", "10.0.0.2-554-live-1"),
        (
            "rtsp://10.0.0.2/cam?channel=2&subtype=0&password=hunter2",
            "10.0.0.2-cam-channel-2-subtype-0",
        ),
        ("rtsp://me:hunter2/@10.0.0.2/cam", "camera"),
        ("rtsp://me:12/hunter2@10.0.0.2/cam", "camera"),
        ("https://cam.local/x?token=123", "cam.local-x"),
    ],
)
def test_a_camera_is_called_after_its_source(source, name):
    assert called(source) == name


def test_a_long_name_keeps_its_end(here):
    folder = here / ("long" * 20) / "door"
    folder.mkdir(parents=True)
    assert len(called(str(folder))) == 60 and called(str(folder)).endswith("long-door")
