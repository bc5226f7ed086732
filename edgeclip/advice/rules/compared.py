"""What compares or ranks without a superlative, as one pattern: one pass over a text."""

from __future__ import annotations

import re

_NUMBER = (
    r"(?:\d[\d.,]*\w*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|zero|none|"
    r"a\s+(?:dozen|hundred|thousand|few|couple|million|single|pair|handful)|half|£|\$|€)"
)
_MEASURE = (
    r"(?:colou?r|shade|hue|tone|size|height|length|width|depth|age|weight|shape|pattern|style|"
    r"breed|speed|volume|thickness|model|make|design|fabric|material|outfit|dress|shirt|haircut|"
    r"hairstyle|pose|position|angle|spot|place|amount|number|brightness|distance|type|kind|level)"
)
_WHOM = (
    r"(?:man|woman|person|guy|lady|girl|boy|child|kid|people|dog|cat|horse|bird|one|ones|"
    r"individual|suspect|driver|visitor|customer|vehicle|van|lorry|truck|car|bike|taxi|couple|family|"
    r"courier|postman|waiter|waitress|player|actor|actress|singer|cyclist|jogger|worker|officer|"
    r"guard|intruder|prowler|burglar|thief|stray|tabby|tomcat|fox|puppy|kitten|terrier|spaniel|"
    r"pony|mare|stag|swan)"
)
"""The same one as yesterday is a matter of identity."""
_CITY = (
    r"(?:city|village|town|skyline|harbour|valley|lake|street|landscape|bay|river|sea|forest|road|"
    r"square|beach|rooftops?|houses|buildings)"
)
ENDINGS = r"(?:ed|ing|ful|ous|ive|ent|ant|al|ic|able|ible|less|ish|some|like|y|ar|ern|id|ate|ite)"

COMPARED = re.compile(
    rf"""\b(?:
    # which has more, has doubled, differs between, twice as many
    (?:which|who|what)(?:\s+[\w'-]+){{1,3}}?\s+(?:has|have|had|got|gets|holds|contains)\s+(?:the\s+)?
        (?:more|less|most|least|fewer|fewest)\b
    | (?:has|have|had)\s+(?:doubled|tripled|trebled|halved|quadrupled)\b
    | differences?\s+(?:in|between)\b | differs?\s+(?:between|from)\b | matching\s+in\s
    | identical\s+[\w'-]+(?:\s+of\s+[\w'-]+)?\s+(?:to|as)\b
    | (?:twice|thrice|half)\s+as\s+(?:many|much)\b | as\s+\w+\s+as\s+possible\b
    |
    # than: taller than, more crowded than, but no bound on a number
      (?:more|less|fewer|worse|(?!(?:rather|(?:an)?other|water|paper|number|corner|letter|over|under|
        n?ever|after|either|neither|whether)\b)[a-z]{{2,}}er)\b(?:\s+[\w'-]+){{0,5}}?\s+th[ae]n\b
        (?!\s+(?:(?:about|around|roughly|just|only)\s+)?{_NUMBER})
    | (?:superior|inferior|second|junior|senior|preferable)\s+to\b
    | (?:twice|half|double|triple)\s+(?:the|its|his|her)\s+(?:normal|usual|average|previous|
        original)\b
    | (?:above|below|over)\s+(?:the\s+)?(?:normal|average|usual)\b
    | too\s+(?:tall|big|wide|large|long|small|heavy|high|fat|short|low|narrow|thick|broad)\s+
        (?:to\s+(?:fit|pass|go|get|squeeze)|for\s+(?:the|its|his|her|their|an?))\b
    | on\s+a?\s*par\s+with | (?:no|any)\s+match\s+for
    # as … as, times as …, twice the size
    | (?:twice|thrice|half|double|triple|quarter|(?:two|three|four|five|ten|\d+)\s+times|
        a\s+(?:third|quarter|fraction))\s+(?:of\s+)?(?:as\s+\w+\s+as|
        (?:the|its|his|her)\s+(?:normal\s+|usual\s+)?
        (?:size|height|length|width|age|weight|speed|depth|volume|thickness)\b)
    | (?:(?:almost|nearly|just|not|exactly|about|equally)\s+)?as\s+(?!(?:soon|well|far|if|
        long\s+as(?!\s+an?\b)|though|a|an|the|seen|many|much|good|it|he|she|they)\b)
        [\w-]+\s+as\b(?!\s+(?:possible|usual|ever|you|we|they|can|\d+)\b)
    | as\s+(?:much|many)\s+[a-z]+\s+as\s+(?:the|his|her|their|last|an?)\b
    | (?:equally|similarly)\s+[a-z]+ | rivals?\s+(?:an?|the)\b
    | (?:towering|head\s+and\s+shoulders)\s+above
    # the same, alike, different
    | (?:the\s+)?(?:exact\s+)?same\s+(?!{_WHOM}\b)(?:[\w-]+\s+){{1,3}}?as\b
        (?!\s+(?:yesterday|last|before|earlier|came|we|i|ever|the\s+other\s+day|this\s+(?:morning|week))\b)
    | the\s+(?:exact\s+)?same\s+{_MEASURE}s?(?:\s+and\s+\w+)?\s+that\b
    | (?:of|are|is|be|exactly|have|both|all)\s+(?:equal|unequal|the\s+same)\s+{_MEASURE}s?\b
    | the\s+(?:exact\s+)?{_MEASURE}\s+of\s+(?=an?\s)
    | (?:identical|equal|similar|comparable)(?:\s+in\s+\w+)?\s+(?:to|with|as)\b
    | (?:identical|similar|different)\s+(?:[\w-]+\s+){{1,2}}(?:to|from|than)\s+(?:the|this|that|
        last|mine|yours)\b
    | unlike\s+(?:the|all|its|his|her|any)\b | different\s+(?:from|to|than)\b
    | differ(?:s|ing|ed)?\b
    | (?:the\s+|any\s+|what\s+|what's\s+the\s+)?differences?\s+between\b | odd\s+\w+\s+out\b
    | spot\s+the\s+differences?\s*[,:]
    | match(?:es|ing)?\s+(?:the|his|her|its|their|each|one\s+another|this|that)\b
    | do(?:es)?\s+(?:[\w'-]+\s+){{1,6}}?(?:match|coincide|correspond|agree|tally|look\s+(?:alike|
        the\s+same|
        similar|identical|different))\b
    | (?:most|least|more|less|closely|exactly)\s+(?:like|resembl\w+|alike)\b(?!\s+(?:this|that|
        these|those|it|them)\b)
    | compar(?:ed?|ing)\b | in\s+comparison\b | relative\s+to\b | size\s+comparison
    | how\s+(?:different|similar|alike)\b
    # then and now, change
    | then\s+(?:and|vs\.?|versus)\s+now | (?:before|old)\s*(?:-and-|\s+and\s+|/|vs\.?|\s+vs\.?\s+|
        \s+versus\s+)\s*after\b
    | (?:vs\.?|versus)\s+(?:last|before|after|now|today|the\s+(?:original|old|previous))\b
    | (?:has|have|had|is|are)\s+(?:\w+\s+){{0,4}}?(?:shrunk|widened|worsened|deteriorated|
        grown\s+(?:much|a\s+lot|since)|improved)\b
    | wh(?:at|ich|o|ere|ose)(?:\s+[\w'-]+){{0,4}}\s+(?:(?:has|have|is|are|had|was|were|'s)\s+)?
        (?:changed|different|grown|shrunk|moved\s+since|improved)\b
    | what's\s+(?:changed|different)\b
    | how\s+(?:(?:much|far|little)\s+)?(?:[\w'-]+\s+){{0,5}}?(?:changed|grown|grew|shrunk|shrank|
        aged|
        improved|risen|fallen|differs?|compares?)\b
    | chang(?:e|es|ed|ing)\s+(?:[\w'-]+\s+){{0,4}}?(?:since|between|compared|over\s+the)\b
    | (?:grown|shrunk|risen|dropped|fallen|aged|gained|lost|improved|worsened|faded|retreated|
        advanced|spread|swollen|receded|increased|decreased|deteriorated)
        (?:\s+[\w'-]+){{0,4}}?\s+(?:since|compared)\b
    | gone\s+(?:up|down)\s+since\b
    | (?:has|have|did)\s+(?:the|my|his|her|its|their|this|that|these|
        those)\s+(?:[\w'-]+\s+){{1,3}}?(?:grown|grow|changed?|
        shrunk|shrink|moved|improved?|faded?|spread|aged)\b
    # winning, towering, outdoing
    | (?:is|are)\s+(?:ahead|winning|leading|losing|in\s+the\s+lead)(?=\s*(?:$|[?,.]|by\b))
    | (?:who(?:se|'s|ever)?|which(?:ever)?)(?:\s+[\w'-]+){{0,5}}?\s+(?:(?:winning|leading|losing|
        ahead)\b|
        (?:first|last|most|least|best|worst|furthest|farthest)(?=\s*(?:$|[?,.]))|
        (?:won|lost)\b(?!\s+(?:his|her|their|its|an?)\b))
    | (?:towers?|towering|towered|looms?|looming)\s+(?:over|
        above)\b(?!\s+(?:\w+\s+){{0,3}}?{_CITY}\b)
    | (?:overshadowed|eclipsed|bettered|beaten|dwarfed)\s+by\b
    | out(?:grow(?:n|s|ing)?|grew|number(?:s|ed|ing)?|shin(?:e|es|ing)|shone|weigh(?:s|ed|ing)?|
        siz(?:ed|es)|rank(?:s|ed|ing)?|strip(?:s|ped|ping)?|last(?:s|ed|ing)|pac(?:e|es|ed|ing)|
        perform(?:s|ed|ing)?|does|do|run(?:s|ning))\b
    | (?:surpass(?:es|ed|ing)?|exceed(?:s|ed|ing)?|overtaken\s+in|eclipses|
        dwarf(?:s|ing)(?=\s+(?:its|his|her|their|the|an?|every|all|last|this|that|my|our)\b))\b
    # ranks and records
    | record(?:[\s-]breaking)?\s+(?:catch|crowd|attendance|haul|harvest|snowfall|size|high|low|
        number|
        turnout|yield|temperature|rainfall|marrow|fish|pumpkin|length|height)\b
    | (?:second|third|fourth|next|2nd|3rd|4th)[\s-]+(?:[a-z]+est|best|most\s+\w+)\b
    | top[\s-]+(?:rated|ranked|scoring|performing|selling)\b | ranked\s+(?:by|in\s+order)\b
    | in\s+(?:(?:ascending|descending)\s+)?order\s+of\b | sorted\s+by\b
    | rank\s+(?:the|these|those|them|my|all)\b
    | (?:nearer|closer)\s+(?:to\s+)?(?:the|an?)\s.{{1,40}}\bor\b
    | runners?[\s-]up\b
    | (?:in|by|from)\s+(?:size|height|age|weight|length)\s+order\b | (?:runt|pick)\s+of\b
    )""",
    re.VERBOSE,
)
SUPERLATIVE = re.compile(
    r"\b(?:the\s+|my\s+|our\s+|his\s+|her\s+|its\s+|their\s+)?(?:(?:single|very|by\s+far\s+the|"
    r"absolute|all-time)\s+)?([a-z]{2,}est|worst|best(?!\s+(?:of\s+(?:\d|luck\b)|"
    r"(?:shots?|pics?|photos?|pictures?|ones?|bits?|stuff|thing|way)\b)))\b"
)
MOST = re.compile(
    rf"\b(?:the\s+)?(most|least)\s+(?:(?!of\b)([a-z-]+{ENDINGS}|worn|torn|broken|bent|grown|rotten)\b|"
    r"(?:\w+\s+){1,3}(?:we|i|they|ever|yet|this|so\s+far|in\s+one)\b)"
    r"|\bthe\s+(?:most|least|fewest)\b|\b(?:with|has|have|had|got)\s+(?:the\s+)?(?:most|fewest)\b"
)
# A comparative's first letter is a capital, see `comparison._marked`.
_ANY, _OF_THINGS, _OF_TIMES = r"[W-Z][a-z]+", r"[XZ][a-z]+", r"[XY][a-z]+"
COMPARATIVE = re.compile(
    rf"""\b(?:the\s+(?:{_ANY}|(?:more|less)\s+[a-z]+)\s+(?:one|ones|pair)\b
        | (?:the\s+)?(?:{_ANY}|(?:more|less)\s+[a-z]+)\s+of\s+(?:the|these|those|them|all|both|us|
            my|our|his|her|two)\b
        | (?:a|the)?\s*{_OF_THINGS}\s+ones?\b
        | the\s+{_OF_THINGS}\s+(?!of\b)[a-z]+
        | (?:which|whichever|who|whoever|what|does|do|is|are|did|has|
            whose)\b(?:\s+[\w'-]+){{0,6}}?\s+(?:{_ANY}|
            (?:more|less)\s+[a-z]+{ENDINGS})\b
            (?=\s*(?:$|[?,.]|or\b|of\b|now\b|today\b))
        | {_OF_THINGS}\s+(?:version|copy|edition|variant|take|scan)\b
        | (?:something|anything|somewhere)\s+(?:{_ANY}|(?:more|less)\s+[a-z]+)\b
        | (?:a\s+(?:shade|touch|tad|size|notch|fraction|trifle|inch|foot)|\w+\s+(?:inches|sizes|
            shades|times|feet))\s+(?:{_ANY}|(?:more|less)\s+[a-z]+)\b
        | (?:but|only|except|just)\s+(?:an?\s+\w+\s+|much\s+|slightly\s+|even\s+)?
            {_OF_TIMES}(?=\s*(?:$|[?,.]|and\b))
        | (?:turn(?:s|ed|ing)?|goes|going|went)\s+{_OF_TIMES}\b
        | {_ANY}\s+and\s+{_ANY}(?=\s*(?:$|[?,.]))
        | (?:looks?|looking|gets?|getting|got|becom(?:e|es|ing)|grow(?:s|ing|n)?|grew|seems?|made)
            \s+(?:much\s+|a\s+bit\s+|far\s+|slightly\s+|visibly\s+|even\s+)?
            {_OF_TIMES}\b
        | (?:is|are|was|were|appears?|feels|stands|sits|isn't)\s+(?:much\s+|far\s+|slightly\s+)?
            {_OF_THINGS}(?=\s*(?:$|[?,.]|now\b|today\b|this\b))
        | (?:a\s+head|much|far|slightly|noticeably|visibly|markedly|even|a\s+(?:bit|lot|little))
            \s+{_OF_TIMES}\b
        | {_OF_THINGS}\b.{{1,60}}?\b{_OF_THINGS}(?=\s+(?!(?:man|woman|men|women|people)\b)\w)
        | {_ANY}\s+(?:this|every|each)\s+(?:year|time|day|week|month)
        | (?:more|less|fewer)\s+(?:[\w'-]+\s+){{1,4}}?(?:this\s+(?:year|time|week|month)|
            every\s+(?:year|day|week)|each\s+(?:year|day|week))\b
        | {_OF_THINGS}\s+(?:twin|half|end|option|choice)\b
        | {_ANY}\s+(?:\w+\s+)?of\s+the\s+(?:pair|two|group|bunch|litter|lot|couple|three|twins)\b
        | {_OF_THINGS}\s+(?:now|today|nowadays|these\s+days)\b
        | (?:which|whichever|who|whoever)(?:\s+[\w'-]+){{0,4}}?\s+(?:has|have|had|
            got)\s+(?:the\s+)?{_ANY}\b
        | {_ANY}[\s-]looking\b
        )""",
    re.VERBOSE,
)
"""Comparatives that compare without *than*."""
