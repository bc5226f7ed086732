"""Files of labels and rules: what is read, and what is said of those that make no sense."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeclip.errors import PromptError
from edgeclip.model.prompts import Label, Prompts, read_prompts
from edgeclip.model.templates import TEMPLATES

WHOLE = """
templates = "photo"
negatives = ["an empty porch"]
none = true
temperature = 0.02
camera = "door"

[[rule]]
name = "person"
prompts = ["visitor", "postman"]
negatives = ["statue"]
threshold = 0.6
cooldown = "5min"

[[rule]]
name = "parcel"
"""


@pytest.fixture
def read(tmp_path):
    def call(text: str | bytes, name: str = "rules.toml") -> Prompts:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_prompts(path)

    return call


def test_all_keys(read):
    person = Label(
        "person", ("visitor", "postman"), ("statue",), {"threshold": 0.6, "cooldown": "5min"}
    )
    assert read(WHOLE) == Prompts(
        labels=(person, Label("parcel", ("parcel",))),
        templates=TEMPLATES["photo"],
        negatives=("an empty porch",),
        none="none of these",
        temperature=0.02,
        settings={"camera": "door"},
        rules=True,
    )
    labels = read(WHOLE.replace("[[rule]]", "[[label]]"))
    assert not labels.rules and replace(labels, rules=True) == read(WHOLE)


def test_the_least(read):
    assert read('[[label]]\nname = "cat"') == Prompts((Label("cat", ("cat",)),))
    assert read('none = "nobody"\n[[label]]\nname = "cat"').none == "nobody"
    assert read('none = false\n[[label]]\nname = "cat"').none is None
    assert read('templates = ["{}!"]\n[[label]]\nname = "cat"').templates == ("{}!",)


def test_a_label_a_line(read):
    assert read("cat\r\n\n a dog \n", "labels.txt").labels == (
        Label("cat", ("cat",)),
        Label("a dog", ("a dog",)),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "is no TOML"),
        ("a = " + "[" * 5000, "is no TOML"),
        ("", "needs [[label]] tables"),
        ('[[rule]]\nname = "a"\n[[label]]\nname = "b"', "and not both"),
        ('[[rules]]\nname = "a"', "and not both (not [[rules]])"),
        ('[rule]\nname = "a"', "not as [[rule]] tables"),
        ("rule = [1]", "not as [[rule]] tables"),
        ("[[rule]]\nthreshold = 1", "gives no name to rule 1"),
        ('[[rule]]\nname = "a"\n[[rule]]\nname = " "', "gives no name to rule 2"),
        ('[[rule]]\nname = "a"\n[[rule]]\nname = "a"', "names two of its rules 'a'"),
        ('[[rule]]\nname = "a"\nprompts = "b"', "list of texts as prompts of rule 'a'"),
        ('[[rule]]\nname = "a"\nprompts = []', "has no prompts of rule 'a'"),
        ('[[rule]]\nname = "a"\nprompts = ["b", "b"]', "twice in the prompts of rule 'a'"),
        ('[[rule]]\nname = "a"\nnegatives = [1]', "list of texts as negatives of rule 'a'"),
        ('negatives = {}\n[[rule]]\nname = "a"', "list of texts as negatives"),
        ('templates = "phot"\n[[rule]]\nname = "a"', "there are no templates 'phot'"),
        ('templates = ["x"]\n[[rule]]\nname = "a"', "templates with one {} each"),
        ('templates = []\n[[rule]]\nname = "a"', "templates with one {} each"),
        ('templates = 3\n[[rule]]\nname = "a"', "list of texts as templates"),
        ('none = 3\n[[rule]]\nname = "a"', "true or a name as none"),
        ('temperature = 0\n[[rule]]\nname = "a"', "above 0 as temperature"),
        ('temperature = nan\n[[rule]]\nname = "a"', "above 0 as temperature"),
        ('temperature = true\n[[rule]]\nname = "a"', "above 0 as temperature"),
        (b"\xff\xfe", "is no UTF-8 text"),
        (b"#" * (1 << 20) + b"#", "larger than a megabyte"),
    ],
)
def test_what_makes_no_sense(read, text, said):
    with pytest.raises(PromptError, match=r"rules\.toml ") as caught:
        read(text)
    assert said in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(PromptError, match="cannot be read: No such file"):
        read_prompts(tmp_path / "gone.toml")
