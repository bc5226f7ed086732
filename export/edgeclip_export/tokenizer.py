"""Build tokenizer.json so that cleaning + tokenizer.json give open_clip's ids exactly.

Reference: ``open_clip.tokenizer.SimpleTokenizer`` (CLIP's byte-level BPE). Three things stand
between it and a plain CLIP ``tokenizer.json``:

- its pattern is compiled by the ``regex`` package with IGNORECASE, whose Unicode tables and case
  rules differ from those of the engine inside ``tokenizers`` (U+0345, for one, counts as a letter
  because it folds to iota). The classes are therefore asked of ``regex``, one code point at a
  time, and written as explicit ranges: no table of the reading side is consulted;
- ``<start_of_text>`` inside a text is one token only where the scan arrives at it afresh, not
  after punctuation (``!<start_of_text>`` is seven tokens). An added token would be found
  everywhere, so both are built by merges of their own instead;
- the text is cleaned first (ftfy, HTML twice, white space, lower case): ``edgeclip.model.tokens``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from functools import cache

import regex  # type: ignore[import-untyped]
from open_clip.tokenizer import SimpleTokenizer

from edgeclip.model.presets import CLIP_CLEANING

END_OF_WORD = "</w>"
START, END = "<start_of_text>", "<end_of_text>"
CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
CLEANING = CLIP_CLEANING
PAD_ID = 0
END_ID = 49407


def build_tokenizer(reference: SimpleTokenizer | None = None) -> bytes:
    """Build ``tokenizer.json`` (UTF-8 bytes) for texts that were cleaned as `CLEANING` says.

    ``reference`` is open_clip's tokenizer (its own by default). The result adds the start and the
    end token and neither pads nor truncates: the manifest says how long a row is.
    """
    reference = reference or SimpleTokenizer()
    vocab, merges = _vocabulary(reference)
    record: dict[str, object] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(),
        "post_processor": _post_processor(reference),
        "decoder": {
            "type": "BPEDecoder",
            "suffix": END_OF_WORD,
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": END_OF_WORD,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": merges,
        },
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def _vocabulary(reference: SimpleTokenizer) -> tuple[dict[str, int], list[list[str]]]:
    """Return token -> id and the merges in order, with a chain of merges for START and END.

    The chain starts where CLIP's own merges leave the word and ends in the token's true id. Its
    inner links get ids past the end; no output holds them, because only START and END, which the
    pattern keeps whole, have ``<`` beside a letter. A word of the pattern's other kinds is all
    letters, one number, or no letter at all.
    """
    vocab = dict(reference.encoder)
    ranked = sorted(reference.bpe_ranks.items(), key=lambda item: item[1])
    merges = [list(pair) for pair, _ in ranked]
    for special in (START, END):
        vocab[special + END_OF_WORD] = vocab.pop(special)
        pieces = _split_by_merges(special, reference)
        for count in range(2, len(pieces) + 1):
            joined = "".join(pieces[:count])
            vocab.setdefault(joined, max(vocab.values()) + 1)
            pair = ["".join(pieces[: count - 1]), pieces[count - 1]]
            if pair not in merges[-40:]:
                merges.append(pair)
    return vocab, merges


def _split_by_merges(special: str, reference: SimpleTokenizer) -> list[str]:
    """Return the pieces into which CLIP's merges alone would leave ``special``."""
    kept = reference.cache.pop(special)
    try:
        return str(reference.bpe(special)).split(" ")
    finally:
        reference.cache[special] = kept


def _pre_tokenizer() -> dict[str, object]:
    """Return the splitter: keep what the pattern matches, drop the rest, then map bytes."""
    return {
        "type": "Sequence",
        "pretokenizers": [
            {
                "type": "Split",
                "pattern": {"Regex": split_pattern()},
                "behavior": "Removed",
                "invert": True,
            },
            {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": True,
                "use_regex": False,
            },
        ],
    }


def _post_processor(reference: SimpleTokenizer) -> dict[str, object]:
    """Return the template that sets START before and END behind a text."""

    def special(token: str, number: int) -> dict[str, object]:
        return {"id": token, "ids": [number], "tokens": [token]}

    single = [
        {"SpecialToken": {"id": START, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": END, "type_id": 0}},
    ]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            START: special(START, int(reference.sot_token_id)),
            END: special(END, int(reference.eot_token_id)),
        },
    }


@cache
def split_pattern() -> str:
    """Return open_clip's pattern with every class and case variant written out."""
    letters = _code_points(r"[\p{L}]")
    numbers = _code_points(r"[\p{N}]")
    others = _code_points(r"[^\s\p{L}\p{N}]")
    words = [_any_case(word) for word in (START, END, *CONTRACTIONS)]
    classes = [f"[{_ranges(letters)}]+", f"[{_ranges(numbers)}]", f"[{_ranges(others)}]+"]
    return "|".join(words + classes)


def _code_points(pattern: str) -> list[int]:
    """Return the code points, surrogates aside, that ``regex`` matches ignoring case."""
    found = regex.findall(pattern, _every_character(), regex.IGNORECASE)
    return [ord(character) for character in found]


@cache
def _every_character() -> str:
    return "".join(map(chr, itertools.chain(range(0xD800), range(0xE000, 0x110000))))


def _any_case(word: str) -> str:
    """Write ``word`` with a class for each letter: what ``regex`` takes for it (s, S, U+017F)."""
    return "".join(_case_class(character) for character in word)


@cache
def _case_class(character: str) -> str:
    if not character.isalpha():
        return character
    points = _code_points(regex.escape(character))
    return "[" + "".join(chr(point) for point in points) + "]"


def _ranges(points: Iterable[int]) -> str:
    r"""Write ascending code points as ranges of a character class: ``\x{61}-\x{7A}\x{AA}``."""
    text = []
    for _, run in itertools.groupby(enumerate(points), lambda pair: pair[1] - pair[0]):
        members = [point for _, point in run]
        first, last = members[0], members[-1]
        text.append(rf"\x{{{first:X}}}" if first == last else rf"\x{{{first:X}}}-\x{{{last:X}}}")
    return "".join(text)
