"""Places in the frame, sides of a thing, and postures to each other, as patterns."""

from __future__ import annotations

import re

_VERTICAL = r"(?:upper|lower|top|bottom)"
SIDE = r"(?:left|right)"
_END = rf"(?:(?:{_VERTICAL}|far|extreme|very|outer)[\s-]+)*(?:{_VERTICAL}|{SIDE})(?:[\s-]+hand)?"
_PICTURE = (
    r"(?:frame|image|picture|photo(?:graph)?|pic|shot|view|screen|scene|composition|canvas|footage)"
)
_OF = rf"(?:\s+of\s+(?:the\s+|this\s+|an?\s+|my\s+)?(?:group\s+)?{_PICTURE})"
_PART = r"(?:corner|third|half|quarter|quadrant|edge|side|part|area|portion|centre|center|middle)s?"
LIMB = (
    r"(?:hand|arm|leg|foot|feet|eye|ear|shoulder|knee|wrist|cheek|elbow|ankle|hip|thigh|paw|"
    r"wing|headlight|sleeve|shoe|sock|boot|glove|breast|nostril|thumb|lane|pocket)s?"
)
_IN = r"(?:in|at|on|to|into|near|from|off\s+to|towards?|along)\s+(?:the\s+|its\s+)?"
FRAME = re.compile(
    rf"""\b(?:
      (?:(?:on|in|over|across)\s+)?(?:his|her|its|their|the|my|your)\s+{SIDE}\s+{LIMB}\b(?!\s+for\b)
    | (?:top|bottom|middle)[\s-]+(?:cent(?:re|er)|middle|left|right){_OF}?
    | {_IN}{_END}[\s-]+{_PART}{_OF}?                      # in the upper right corner (of the image)
    | {_IN}(?:dead\s+)?(?:centre|center|middle|edge|corner|foreground|background|side|top|bottom|
        right|left|far\s+corner|very\s+edge){_OF}         # in the centre of the picture
    | (?:off\s+)?(?:in|at|on|to|from)\s+(?:the\s+|its\s+|his\s+|her\s+|their\s+|your\s+)?
        (?:(?:far|extreme|lower|upper|top|bottom|immediate|very|camera|frame)[\s-]+)*
        {SIDE}(?:[\s-]+hand\s+side|[\s-]+side)?          # on the far left
    | (?:first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th|one|two|three)\s+from\s+
        (?:the\s+)?(?:left|right|top|bottom|front|back|end)
    | (?:top|bottom|upper|lower)[\s-]+{SIDE}(?:[\s-]+(?:hand\s+)?{_PART})?{_OF}?
    | (?:off\s+)?(?:to|at|near|along)\s+(?:the|one)\s+(?:very\s+)?(?:edge|side)
        (?=\s*(?:,|$|of\s+the\s+{_PICTURE}\b))
    | {SIDE}[\s-]+hand\s+(?:{_PART})
    | {SIDE}[\s-]*most
    | (?:filling|fills|occupying|occupies|in)\s+(?:the\s+)?(?:{_END}|{_VERTICAL})[\s-]+{_PART}
    | (?:facing|faces|pointing|points|looking|looks|leaning|leans|heading|gazing|pointed|tilted|
        turned|running|walking|moving)\s+(?:to\s+(?:the|its|his|her)\s+)?{SIDE}(?:wards)?(?!\s+at\b)
    | {SIDE}\s+(?:arm|leg|eye|ear|shoulder|knee|wrist|cheek|elbow|ankle|hip|paw|headlight|lane|
        hand|foot|thumb|breast|lung|kidney|lobe|tyre|indicator|door|glove|sock|shoe|sleeve)
    | (?<!blurred\s)(?:in|filling|fills)\s+the\s+(?:\w+\s+)?(?:foreground|background)
        (?=\s*(?:[,.?;]|$|and\b|with\b|of\b|while\b))
    | in\s+(?:one|each|opposite)\s+corners?
    | in\s+the\s+(?:middle|centre|center)(?=\s*(?:[,.?;]|$))
    | (?:on|from|off|in)\s+(?:the\s+|its\s+)?(?:very\s+)?(?:top|bottom|middle|upper|lower)\s+
        (?:shelf|drawer|bunk|step|rung|row|rack|stair)
    | (?:left|right)[\s-]+(?:hand\s+)?(?:half|third|corner|quadrant)
    | (?:upper|lower|top|bottom)\s+(?:third|corner|quadrant)
    | within\s+(?:\w+\s+){{1,2}}(?:metres?|meters?|m|feet|foot|ft|inch|inches|cm|yards?)\s+of
    | at\s+the\s+(?:very\s+)?(?:back|front|rear)(?=\s*(?:[,.?]|$))
    | (?:lower|upper)\s+(?:pole|lobe|edge|rim|margin|border)\s+of
    | (?:second|third|fourth|fifth|sixth|2nd|3rd|4th|5th|first|last)\s+(?:one\s+)?
        (?:along|down|up|in)\b
        (?:\s+from(?:\s+the\s+(?:left|right|end|top|bottom|front|back)(?:\s+of)?)?)?
    | (?:close|closer|nearer|right\s+up)\s+(?:up\s+)?to\s+the\s+(?:lens|camera)
    | off[\s-]?cent(?:re|er)(?:ed)?
    | (?:dead|bang\s+in\s+the)\s+(?:centre|center)
    | (?:cent(?:re|er)|middle)\s+(?:of\s+)?(?:the\s+)?frame
    )\b""",
    re.VERBOSE,
)
PICTURE_AFTER = re.compile(_OF)
# Posture to each other, and a relation whose other side goes without saying.
LOOSE = re.compile(
    r"""\b(?:(?<=,\s)(?:[\w-]+\s+){1,3}(?:alongside|behind|above|below|beneath|underneath|within|beside|
        ahead|in\s+front|opposite)(?=\s*$)
    | (?:on|in|of|by|at)\s+the\s+\w+\s+(?:behind|ahead|in\s+front|opposite|above|below|
        beneath)(?=\s*$)
    | back[\s-]to[\s-]back | side[\s-]by[\s-]side | (?:nose|head)[\s-]to[\s-]tail
    | in\s+front\b.{1,60}\b(?:behind|at\s+the\s+back)(?=\s*(?:,|$))
    | one\s+(?:on\s+top\s+of|in\s+front\s+of|behind|above|below|after|beside)\s+
        (?:the\s+other|another)
    | (?:one|each)\s+(?:on\s+top|in\s+front|behind|above|below)\b
    | (?:(?<!\bfrom\s)(?:directly|just|right|immediately|cowering|hovering|hiding|waiting|sleeping|
        lying|sitting|standing|parked|crouching|hanging)\s+(?:underneath|below|above|behind|beneath|
        alongside|in\s+front|overhead|opposite))(?=\s*(?:,|$|\?|\.))
    | (?:inside|in)\b[^,]{1,60},?\s+(?:\w+\s+){1,4}outside(?:\s+(?:it|them|one))?
        (?=\s*(?:,|$|\?|\.))
    | one\s+(?:upon|atop|over|under|on|beneath|below|underneath|after)\s+(?:the\s+other|another)
    | left\s+(?:\w+\s+)?(?:and|or|vs)\s+(?:the\s+)?(?:\w+\s+)?right(?=\s+\w)
    | (?:stands?|standing|sits?|sitting)\s+(?:left|right)(?=\s+and\b|\s*,)
    | across\s+(?:the|an?)\s+(?:\w+\s+){1,2}from
    | at\s+(?:its|his|her|their|my)\s+(?:foot|feet|base)
    | (?:higher|lower|further|farther|closer|nearer)\s+(?:up|down|along|back|forward|left|right|
        in)\s+
        (?:the\s+|an?\s+)?(?:\w+\s+){0,2}than
    | (?:nearer|closer|further|farther)\s+(?:to|from|away\s+from)\s+(?:the\s+|an?\s+)?
        (?:\w+\s+){1,2}than
    | (?:on|to|at)\s+(?:the|its|his|her)\s+(?:near\s?side|off\s?side|kerb\s?side|port\s+side|
        starboard(?:\s+side)?|(?:driver|passenger)'?s?\s+side)
    | in\s+the\s+(?:cent(?:re|er)|middle)\s+(?:and|with|surrounded)
    | within\s+(?:\w+'s\s+|\w+ing\s+|easy\s+|hand's\s+)(?:length|distance|reach|breadth|range)\s+of
    | (?:outside|past|beyond)\s+(?:the|its|an?)\s+(?:\w+\s+)?(?:line|barrier|rope|cordon|cones?|
        markings?|boundary|ring|circle|box|cage|pen|perimeter|fence|enclosure|basket|crate|net)
    | (?:third|quarter|half)\s*way\s+(?:up|down|along|between)
    | (?:anti-?|counter-?)?clockwise\s+(?:from|of)
    | (?:nearer|closer)\s+(?:to\s+)?(?:the|an?)\s.{1,40}\bor\b
    | (?:inner|outer|under|upper|lower)\s*side\s+of
    | diagonal(?:ly)?\s+(?:from|to|across|opposite|behind|above|below)
    | over\s+(?:the|an?)\s+(?:doorway|fireplace|mantelpiece|sink|desk|stove|toilet|entrance|
        headboard|piano|bookcase|wardrobe|cot|crib)
    | (?:arrow|needle|nose|camera|gun|beak|cannon|telescope|antler)s?\s+pointing\s+(?:to|at|
        towards?)
    | across\s+the\s+(?:room|table|aisle|hall)(?=\s*(?:$|[?,.]))
    | crossways\s+over | at\s+right\s+angles\s+to | perpendicular\s+to | parallel\s+to
    )\b""",
    re.VERBOSE,
)
