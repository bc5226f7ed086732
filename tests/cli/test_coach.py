"""``edgeclip coach``, and the hints of search and classify."""

from __future__ import annotations

import pytest

from edgeclip.advice.kinds import KINDS
from tests.cli.conftest import write_picture


@pytest.fixture
def photo(here):
    return write_picture(here / "photos" / "a.png")


def test_a_suitable_query(cli):
    done = cli("coach", "a dog on a beach")
    assert done.code == 0 and done.err == ""
    assert done.out == "a dog on a beach\n  suitable\n\n"


def test_an_unsuitable_query(cli):
    done = cli("coach", "three cars", "--words-only")
    assert done.code == 3 and done.err == ""
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[0] == "three cars" and lines[2] == "counting: three"
    assert "try       several cars" in lines
    assert any(line.startswith("why ") for line in lines)
    assert any(line.startswith("or use ") and "YOLO" in line for line in lines)
    assert any(line.startswith("source ") and "https://" in line for line in lines)
    assert "tell" not in done.out  # no model was asked


def test_the_models_own_figures(cli):
    done = cli("coach", "three cars")
    assert done.code == 3
    assert "tiny " in done.out and '"seven cars": cosine ' in done.out
    assert "unrelated texts: up to " in done.out


def test_every_check_with_its_outcome(cli):
    done = cli("coach", "three cars", "--check-all", "--words-only")
    outcomes = {title: title in done.out for title in (kind.title for kind in KINDS.values())}
    assert all(outcomes.values()) and done.code == 3
    assert done.out.count("ok") >= len(KINDS) - 1 and done.out.count("LIMIT") == 1
    done = cli("coach", "a dog", "--check-all")
    assert done.code == 0 and "LIMIT" not in done.out


def test_several_limits_have_one_rewrite_for_all(cli):
    done = cli("coach", "three cats left of a dog", "--words-only")
    assert "all together: several cats + dog" in done.out


def test_for_programs(cli):
    done = cli("coach", "three cars", "a dog", "--json")
    assert done.code == 3
    bad, good = done.lines
    assert set(bad) == {"query", "suitable", "limits", "rewrite", "checks"}
    assert bad["suitable"] is False and bad["rewrite"] == "several cars"
    assert set(bad["checks"]) == set(KINDS) and bad["checks"]["counting"] == "limit"
    (limit,) = bad["limits"]
    assert set(limit) == {
        "kind",
        "title",
        "words",
        "why",
        "rewrite",
        "instead",
        "sources",
        "evidence",
    }
    assert set(limit["evidence"]) == {"changed", "cosine", "reworded", "unrelated", "told_apart"}
    assert good == {
        "query": "a dog",
        "suitable": True,
        "limits": [],
        "rewrite": None,
        "checks": dict.fromkeys(KINDS, "ok"),
    }


@pytest.mark.parametrize("query", ["", "   ", "🙂", "?"])
def test_nothing_to_see(cli, query):
    done = cli("coach", query, "--words-only")
    assert done.code == 3 and "too vague" in done.out


def test_no_query_is_wrong_use(cli):
    assert cli("coach").code == 2


def test_a_broken_query_fails_in_one_line(cli):
    done = cli("coach", "a + ")
    assert done.code == 1 and "empty term" in done.line


def test_without_any_model(cli, here, monkeypatch):
    monkeypatch.setenv("EDGECLIP_MODEL", str(here / "none"))
    done = cli("coach", "three cars")  # the rules need none
    assert done.code == 3 and done.err == ""
    done = cli("coach", "three cars", "-m", here / "none")
    assert done.code == 1 and "none" in done.line


def test_terminal_codes_in_a_query_are_not_printed(cli):
    done = cli("coach", "three \x1b[31mcars", "--words-only")
    assert "\x1b" not in done.out + done.err


class TestHints:
    def test_search_says_what_clip_cannot_do(self, cli, photo):
        done = cli("search", "three cars", "a dog", "--in", "photos")
        assert done.code == 0
        assert done.line == (
            'edgeclip: hint: "three cars" asks for what CLIP gets wrong (counting: three). '
            "Try: several cars"
        )

    def test_classify_says_it_of_labels(self, cli, photo):
        done = cli("classify", photo, "--label", "not a dog", "--label", "cat")
        assert done.code == 0
        assert done.line.endswith('(negation: not). Try: --label "animal" --negative "dog"')
        done = cli("classify", photo, "-l", "red car and blue truck", "-l", "cat")
        assert done.line.endswith("See: edgeclip coach")  # a sum is no label
        done = cli("classify", photo, "-l", "cat", "-l", "dog", "--negative", "two dogs")
        assert 'hint: "two dogs"' in done.line

    @pytest.mark.parametrize("option", ["--no-hints", "--json"])
    def test_they_can_be_switched_off_and_programs_get_none(self, cli, photo, option):
        done = cli("search", "three cars", "--in", "photos", option)
        assert done.code == 0 and done.err == "" and "hint" not in done.out
        done = cli("classify", photo, "-l", "three cars", "-l", "cat", option)
        assert done.code == 0 and done.err == "" and "hint" not in done.out

    def test_a_long_query_is_not_repeated(self, cli, photo):
        done = cli("search", "three cars " * 20, "--in", "photos")
        assert done.code == 0 and len(done.line) < 250 and "…" in done.line

    def test_suitable_ones_get_none(self, cli, photo):
        done = cli("search", "a dog", "--in", "photos")
        assert done.err == ""

    def test_many_are_cut_short(self, cli, photo):
        labels = [part for n in ("two", "three", "four", "five") for part in ("-l", f"{n} cars")]
        done = cli("classify", photo, *labels)
        assert done.err.count("hint:") == 4 and "hint: 1 more, see edgeclip coach." in done.err

    def test_a_label_that_the_grammar_refuses_gets_none(self, cli, photo):
        done = cli("classify", photo, "-l", "cat + ", "-l", "dog")
        assert done.code == 0 and done.err == ""
