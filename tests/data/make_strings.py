"""Make strings.json: texts on which the runtime's tokenizer must equal open_clip's.

Run ``python tests/data/make_strings.py`` to write it again; the seed is fixed, so the same Python
gives the same file.
"""

from __future__ import annotations

import html.entities
import json
import random
import unicodedata
from pathlib import Path

SEED = 20240613
CAPTIONS = """a photo of a cat|Two children flying a kite on a windy beach|A red double-decker bus
in London at night|DON'T WALK|an x-ray of a knee, frontal view|3 dogs & 2 cats @ home|it's the
dog's ball, they've lost it|I'd say we'll be there, you're late, I'm not|50% off!!! only $9.99|
C++ and C# code on a screen|e=mc^2|http://example.com/a?b=c&d=e#f|user@example.org|#hashtag
@mention|snake_case and kebab-case|"quoted" 'single' `tick`|(parens) [brackets] {braces}|
hello<br>world|a/b\\c|1,234,567.89|2024-06-13T12:34:56Z|rock'n'roll|O'Neill's|y'all'd've|
CAPS LOCK IS ON|MiXeD cAsE WoRdS|under__score|ellipsis...and---dashes|tab\tseparated\tvalues|
line\nbreaks\r\nof both kinds|   leading and trailing   |<start_of_text>|<end_of_text>|
a <start_of_text> in the middle|!<start_of_text>|<start_of_text><end_of_text>|<START_OF_TEXT>|
<ſtart_of_text>|</w>|cat</w>|'ſ it'ſ|ÅNGSTRÖM and K"""
OLD_SPECIALS = ["<|startoftext|>", "a <|endoftext|> b", "|||"]
SCRIPTS = {
    "latin": "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿāăąćčďđēęěğģħīįıĳķłńňŉŋōőœŕřśşšţťūůűųŵŷźżžſƒǆǉǌǳ",
    "greek": "αβγδεζηθικλμνξοπρσςτυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩάέήίόύώΐΰ",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯёЁіїєґ",
    "han": "一人大小中山川日月火水木金土天地春夏秋冬東西南北猫犬鳥魚馬牛羊車電話写真海岸都市",
    "kana": "あいうえおかきくけこさしすせそアイウエオカキクケコサシスセソｱｲｳｴｵーっッャュョ",
    "hangul": "가나다라마바사아자차카타파하고양이강아지사진바다산",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي٠١٢٣٤٥٦٧٨٩",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "devanagari": "अआइईउऊऋएऐओऔकखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह०१२३४५६७८९ािीुूेैोौंः्",
    "thai": "กขคงจฉชซญดตถทธนบปผพภมยรลวศษสหอฮะาิีึืุูเแโใไ๐๑๒๓",
    "fullwidth": "ＡＢＣＤＥＦＧａｂｃｄｅｆｇ０１２３４５６７８９",
    "wide_signs": "！＂＃＄％＆＇（）＊＋，－．／：；＜＝＞？",
    "numbers": "0123456789²³¹¼½¾①②③ⅠⅡⅢⅣⅷⅸⅹ〇〡〢㊀㋀㍘㎏",
    "symbols": "€£¥¢₹₽©®™°§¶†‡•‣∑∏√∞≈≠≤≥±×÷←↑→↓↔⇒♠♣♥♦♪♫☀☁☂★☆☎☑☒☕✂✈✉✓✗",
    "punctuation": "‘’‚‛“”„‟‹›«»–—―…‰′″‴¡¿·،؛؟。、「」『』【】〜！？",
    "ligatures": "ﬀﬁﬂﬃﬄﬅﬆĲĳŒœÆæǄǅǆ",
    "marks": "\u0300\u0301\u0302\u0303\u0308\u030a\u0327\u0328\u0338\u0345\u20dd\u20e3",
    "spaces": " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u2009\u2028\u2029\u202f\u3000",
    "invisible": "\xad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\ufeff\ufe0f\ufffd",
    "controls": "".join(map(chr, [*range(1, 9), *range(14, 28), *range(127, 160)])),
    "letterlike": "ℂℍℕℙℚℝℤ𝐀𝐁𝐜𝒅𝓔𝔣𝕘𝖍𝙞𝚓ªºʰʲⁿₙªKÅΩıİẞß",
    "rare": "𐍈𐌰𒀀𓀀𝄞𠀀𪛖ꙮ⸘‽🜁🀄🂡\ue000\uf8ff\U000f0000",
}
EMOJI = [
    *"😀😂🥰😎🤖👍☕🐱🐶🦊🫠🪿",
    "👍🏽",
    "👩\u200d💻",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳\ufe0f\u200d🌈",
    "🏴\u200d☠\ufe0f",
    "🇫🇷",
    "🇯🇵",
    "🇺🇸",
    "❤\ufe0f",
    "❤\ufe0f\u200d🔥",
    "☕\ufe0f",
    "✈\ufe0f",
    "1\ufe0f\u20e3",
    "#\ufe0f\u20e3",
    "🧑🏿\u200d🚀",
    "👁\ufe0f\u200d🗨\ufe0f",
    "🐦\u200d⬛",
]
MOJIBAKE = [
    "donâ€™t park here",
    "cafÃ© au lait",
    "â€œquotedâ€\x9d",
    "naÃ¯ve",
    "Â£5 and Â½",
    "ä¸\xadæ–‡",
    "schÃ¶n",
    "ðŸ˜€ smile",
    "ï»¿bom",
    "&lt;b&gt;boldâ€™s&lt;/b&gt;",
]
_WORDS = """red blue green old young small large wooden metal cat dog bird horse car bicycle street
house tree mountain river beach kitchen table chair lamp window door person child woman man running
sitting sleeping eating holding wearing under over beside between at on with without"""
WORDS = _WORDS.split()
SNIPPETS = ["&amp;", "&#39;", "'s", "'LL", "<end_of_text>", "’t", "--"]


def pick(rng: random.Random, pool: str, most: int) -> str:
    return "".join(rng.choice(pool) for _ in range(rng.randint(1, most)))


def entities(rng: random.Random) -> list[str]:
    names = sorted(html.entities.html5)
    some = [f"a &{rng.choice(names)} b" for _ in range(200)]
    twice = [f"&amp;{rng.choice(names)}" for _ in range(50)]
    numbers = [f"&#{rng.choice([*range(1, 300), 8217, 8364, 64257, 128512])};x" for _ in range(60)]
    hexes = [f"x&#x{rng.randrange(1, 0x2FFFF):x};" for _ in range(40)]
    odd = ["&", "&;", "&#;", "&#x;", "&amp", "&ampx", "&#0;", "&#xD800;", "&#x110000;", "&notit;"]
    return some + twice + numbers + hexes + odd


def mixed(rng: random.Random) -> list[str]:
    """Mix words, scripts, emoji and entities in one text."""
    made = []
    for _ in range(500):
        parts = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if kind < 0.45:
                parts.append(rng.choice(WORDS))
            elif kind < 0.8:
                parts.append(pick(rng, SCRIPTS[rng.choice(sorted(SCRIPTS))], 5))
            elif kind < 0.9:
                parts.append(rng.choice(EMOJI))
            else:
                parts.append(rng.choice(SNIPPETS))
        made.append(rng.choice(["", " ", " ", "  "]).join(parts))
    return made


def any_characters(rng: random.Random) -> list[str]:
    """Draw characters of any assigned kind, surrogates aside."""
    made = []
    while len(made) < 300:
        drawn = [chr(rng.randrange(1, rng.choice((0x3000, 0x20000)))) for _ in range(9)]
        text = "".join(c for c in drawn if unicodedata.category(c) not in ("Cs", "Cn"))
        if text:
            made.append(text)
    return made


def long_texts(rng: random.Random) -> list[str]:
    made = [" ".join(rng.choice(WORDS) for _ in range(200)) for _ in range(30)]
    made += [" ".join(rng.choice(WORDS) for _ in range(count)) for count in range(66, 84)]
    made += ["x" * count for count in (74, 75, 76, 77, 300, 2000)]
    made += ["!" * 200, "é" * 150, "漢" * 120, "😀" * 60, "1" * 90, " a" * 75, " a" * 76, "'s" * 80]
    return made


def make() -> list[str]:
    rng = random.Random(SEED)
    texts = ["", " ", "\n\t", "a", "A", "'", "’", ".", "0"]
    texts += [caption.replace("\n", " ") for caption in CAPTIONS.split("|")]
    texts += OLD_SPECIALS + MOJIBAKE + EMOJI + entities(rng) + long_texts(rng)
    for pool in SCRIPTS.values():
        texts += [f"a{character}b {character}" for character in pool]
        texts += [pick(rng, pool, 12) for _ in range(12)]
        texts += [f"{rng.choice(WORDS)} {pick(rng, pool, 6)} x" for _ in range(12)]
    texts += mixed(rng) + any_characters(rng)
    return list(dict.fromkeys(text for text in texts if "\0" not in text))


if __name__ == "__main__":
    place = Path(__file__).with_name("strings.json")
    strings = make()
    place.write_text(json.dumps(strings, ensure_ascii=True, indent=0) + "\n", "ascii")
    print(f"{place}: {len(strings)} strings")
