"""``edgeclip models --advise``."""

from __future__ import annotations

import pytest

from edgeclip.advice import choices


def test_advice_for_people(cli):
    done = cli("models", "--advise")
    assert (done.code, done.err) == (0, "")
    clip, others = done.out.split("\n\n")
    assert clip.startswith("CLIP models") and others.startswith("What to use for what CLIP cannot")
    row = next(line for line in clip.splitlines() if line.startswith("mobileclip2_s4"))
    assert row.split("  ")[0] == "mobileclip2_s4" and " no " in row and "81.9 %" in row
    assert row.endswith("Apple, research only  the highest accuracy")
    assert "no board was measured" in clip
    row = next(line for line in others.splitlines() if line.startswith("YOLO11n"))
    assert "AGPL-3.0" in row and row.endswith("(39.5, COCO box AP)")


def test_advice_for_a_need(cli):
    done = cli("models", "--advise", "--need", "counting")
    assert done.out.startswith("Counting: Count the boxes of a detector. RF-DETR Nano may")
    assert "CLIP models" not in done.out and "YOLO11n" in done.out and "Tesseract" not in done.out
    done = cli("models", "--advise", "--need", "try")
    assert "starter" in done.out and "mobileclip_s1" not in done.out and "What to" not in done.out


def test_advice_for_several_needs(cli):
    found = cli("models", "--advise", "--need", "pi", "--need", "text", "--json").json
    assert [row["name"] for row in found] == ["Tesseract", "rapidocr (PP-OCRv4 mobile)"]
    done = cli("models", "--advise", "--need", "try", "--need", "faces")
    assert done.code == 0 and "nothing in the table serves all of these needs" in done.line


def test_advice_for_programs(cli):
    starter, *rest = cli("models", "--advise", "--json").json
    assert starter["name"] == "starter" and starter["clip"] and starter["memory_gb"] == 0.5
    assert starter["image"]["mb"] == 10.1 and starter["accuracy"] is None
    assert rest[-1]["clip"] is False and rest[-1]["kinds"] == ["language"]


def test_advice_as_the_document(cli):
    done = cli("models", "--advise", "--markdown")
    assert (done.code, done.out, done.err) == (0, choices.markdown(), "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--need pi", "--advise"),
        ("--markdown", "--advise"),
        ("--advise --markdown --json", "--markdown"),
        ("--advise --markdown --need pi", "--markdown"),
        ("--advise --need banana", "'banana' is not one of 'try'"),
    ],
)
def test_advice_that_is_asked_for_wrongly(cli, arguments, said):
    done = cli("models", *arguments.split())
    assert done.code == 2 and done.out == "" and said in done.err


@pytest.mark.parametrize(
    ("word", "need"), [("Pi", "pi"), ("READING", "text"), ("binding", "attributes")]
)
def test_a_need_in_other_words(cli, word, need):
    done = cli("models", "--advise", "--need", word, "--json")
    assert done.code == 0 and done.out == cli("models", "--advise", "--need", need, "--json").out
