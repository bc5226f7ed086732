"""``edgeclip classify``: labels, where they come from, and what is shown."""

from __future__ import annotations

import pytest

from edgeclip.model.model import Model
from tests import tiny
from tests.cli.conftest import VISIBLE

LABELS = ["cat", "dog", "space rocket"]
AS_OPTIONS = [part for label in LABELS for part in ("-l", label)]


@pytest.fixture
def expected(tiny_model):
    return Model.load(tiny_model).classifier


def labels_of(line):
    return [(found["label"], found["score"]) for found in line["labels"]]


def test_scores_are_the_classifiers(cli, album, expected):
    done = cli("classify", "album", *AS_OPTIONS, "--json")
    assert (done.code, done.err) == (0, "")
    assert [line["file_path"] for line in done.lines] == VISIBLE
    classify = expected(LABELS)
    for line in done.lines:
        matches = classify(line["file_path"])
        assert labels_of(line) == [(match.key, match.score) for match in matches]
        assert line["error"] is None
        assert sum(match.score for match in matches) == pytest.approx(1)


def test_people_see_a_block_for_each_picture(cli, album, expected):
    done = cli("classify", "album/a.jpg", *AS_OPTIONS, "--top", "2")
    best, second, _ = expected(LABELS)("album/a.jpg")
    assert done.out.splitlines() == [
        "album/a.jpg",
        f"  {best.score:.3f}  {best.key}",
        f"  {second.score:.3f}  {second.key}",
    ]


def test_templates_and_negatives(cli, album, expected):
    templates = ["a drawing of a {}", "{}!"]
    arguments = [part for template in templates for part in ("--template", template)]
    done = cli(
        "classify", "album/a.jpg", *AS_OPTIONS, *arguments, "--negative", "nothing", "--json"
    )
    matches = expected(LABELS, templates=templates, negatives=["nothing"])("album/a.jpg")
    assert labels_of(done.json) == [(match.key, match.score) for match in matches]
    assert sum(match.score for match in matches) < 1


@pytest.mark.parametrize(
    "data",
    [
        b"cat\ndog\nspace rocket\n",
        b"\xef\xbb\xbfcat\r\ndog\r\n\r\n  space rocket  ",
        b"cat\n\ndog\nspace rocket\n\n",
    ],
    ids=["plain", "windows", "blank lines"],
)
def test_labels_in_a_file(cli, album, data):
    (album / "labels.txt").write_bytes(data)
    from_file = cli("classify", "album/a.jpg", "--labels", "album/labels.txt", "--json")
    assert from_file.code == 0
    assert from_file.out == cli("classify", "album/a.jpg", *AS_OPTIONS, "--json").out


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "labels.txt holds no labels"),
        (b"\xef\xbb\xbf\n \n", "labels.txt holds no labels"),
        (b"caf\xe9\n", "labels.txt is no UTF-8 text"),
        (b"cat\ndog\ncat\n", "'cat' is given twice"),
        (b"a\0b\n", "NUL"),
    ],
)
def test_label_files_that_cannot_be_used(cli, album, data, said):
    (album / "labels.txt").write_bytes(data)
    done = cli("classify", "album/a.jpg", "--labels", "album/labels.txt")
    assert (done.code, done.out) == (1, "") and said in done.line


@pytest.mark.parametrize(("path", "said"), [("gone.txt", "No such file"), ("album", "directory")])
def test_no_label_file(cli, album, path, said):
    done = cli("classify", "album/a.jpg", "--labels", path)
    assert done.code == 1 and f"{path} cannot be read: " in done.line and said in done.line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-l", "cat", "-l", "cat"], "'cat' is given twice"),
        (["-l", "cat", "--negative", "cat"], "'cat' is given twice"),
        (["-l", "cat", "--template", "a photo"], "'a photo' needs one {}"),
        (["-l", "cat", "--template", "{} {}"], "'{} {}' needs one {}"),
        (["-l", "x" * 5000], "5,01"),
    ],
)
def test_labels_that_cannot_be_used(cli, album, arguments, said):
    done = cli("classify", "album/a.jpg", *arguments)
    assert (done.code, done.out) == (1, "") and said in done.line


def test_some_pictures_fail(cli, album):
    done = cli("classify", "gone.jpg", "album/a.jpg", "-l", "cat", "--json")
    first, second = done.lines
    assert first == {
        "file_path": "gone.jpg",
        "labels": [],
        "error": "gone.jpg cannot be read: No such file or directory. Check the path.",
    }
    assert labels_of(second) == [("cat", 1.0)]
    assert done.code == 1 and "1 of 2 failed. The first: gone.jpg" in done.line
    people = cli("classify", "gone.jpg", "album/a.jpg", "-l", "cat").out
    why = "cannot be read: No such file or directory. Check the path."
    assert people.startswith(f"gone.jpg\n  {why}\nalbum/a.jpg")


def test_a_picture_from_stdin(cli, album):
    done = cli("classify", "-", *AS_OPTIONS, "--json", stdin=(album / "a.jpg").read_bytes())
    named = cli("classify", "album/a.jpg", *AS_OPTIONS, "--json")
    assert (done.json["file_path"], done.json["labels"]) == ("-", named.json["labels"])


def test_a_folder_without_pictures(cli, here):
    (here / "empty").mkdir()
    done = cli("classify", "empty", "-l", "cat")
    assert done.code == 1 and "there are no pictures in empty" in done.line


def test_a_model_without_words(cli, album):
    model = tiny.make(album.parent / "blind", text=None)
    done = cli("classify", "album/a.jpg", "-l", "cat", "-m", model)
    assert done.code == 1 and "blind has no text tower" in done.line


def test_a_named_set_of_templates(cli, album, expected):
    done = cli("classify", "album/a.jpg", *AS_OPTIONS, "--templates", "imagenet-7", "--json")
    matches = expected(LABELS, templates="imagenet-7")("album/a.jpg")
    assert labels_of(done.json) == [(match.key, match.score) for match in matches]
    both = cli("classify", "album/a.jpg", *AS_OPTIONS, "--templates", "photo", "--template", "{}")
    assert both.code == 2 and "not both" in both.err


def test_none_of_these(cli, album, expected):
    done = cli("classify", "album/a.jpg", *AS_OPTIONS, "--none", "--json")
    matches = expected(LABELS, none="none of these")("album/a.jpg")
    assert labels_of(done.json) == [(match.key, match.score) for match in matches]
    assert sum(score for _, score in labels_of(done.json)) == pytest.approx(1)


def test_the_temperature(cli, album, expected):
    done = cli("classify", "album/a.jpg", *AS_OPTIONS, "--temperature", "0.5", "--json")
    matches = expected(LABELS, temperature=0.5)("album/a.jpg")
    assert labels_of(done.json) == [(match.key, match.score) for match in matches]
    assert cli("classify", "album/a.jpg", "-l", "cat", "--temperature", "0").code == 2


def test_options_add_to_a_file_of_tables(cli, album, expected):
    (album / "l.toml").write_text(
        'templates = "plain"\nnegatives = ["x"]\n[[label]]\nname = "cat"\nprompts = ["cat", "tom"]'
    )
    more = ["-l", "dog", "--negative", "y", "--json"]
    done = cli("classify", "album/a.jpg", "--labels", "album/l.toml", *more)
    classify = expected(
        {"dog": ["dog"], "cat": ["cat", "tom"]}, templates="plain", negatives=["y", "x"]
    )
    assert labels_of(done.json) == [(m.key, m.score) for m in classify("album/a.jpg")]
