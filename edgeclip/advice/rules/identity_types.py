"""What names a type finer than most people could tell by eye: vehicles, devices, species."""

from __future__ import annotations

import re

from edgeclip.advice.lists import alternatives, entries

_BIRDS = (
    "warbler|pipit|sandpiper|plover|flycatcher|bunting|finch|tern|wagtail|thrush|vireo|shrike"
    "|petrel"
    "|grebe|lark|harrier|wheatear|redstart|nuthatch|treecreeper|stint|shearwater|auk|gull|sparrow"
    "|woodpecker|cuckoo|swift|martin|scaup|scoter|loon|rail|crake|pratincole|sunbird|babbler|bulbul"
    "|honeyeater|tanager|grosbeak|oriole|antbird|spinetail|tyrannulet|weaver|whydah|cisticola"
    "|fritillary|hairstreak|skipper|hawkmoth|hawk-moth|damselfly|darter|hawker|bolete|waxcap"
    "|milkcap"
    "|mining bee|mason bee|carder bee|cuckoo bee|bumblebee|hoverfly|ladybird|shieldbug|weevil"
    "|longhorn beetle|dung beetle|jewel beetle|wolf spider|house spider|jumping spider"
    "|brittlegill|sedge|cranesbill|speedwell|stonecrop|saxifrage|gentian|helleborine|darner"
    "|meadowhawk"
)
_PLAIN = (  # what a bird or an insect may be without its kind being asked for
    "a|an|the|of|two|three|four|five|six|one|some|several|single|lone|small|big|large|tiny|little"
    "|young|old|adult|baby|juvenile|male|female|flying|perched|dead|wet|singing|cute|blue|red|green"
    "|yellow|brown|white|black|grey|gray|colou?rful|pretty|beautiful|wild|angry|hungry|fluffy"
    "|garden"
    "|city|sea|and|or|no|not|with|for|in|on|at|by|from|this|that|my|our|train|basket|dream"
    "|hand|silk"
    "|wind|cloth|master|cape|taylor|jonathan|jack|st|steve|doc|aston|remy|any|another|every|each"
    "|feeding|nesting|injured|hovering|bright|dark|pink|orange|sedge|grassy|coastal|boat|team|ship"
    "|patriotic|festive|party|flag|red-white-and-blue|photo|picture|guard|hand|towel|curtain|third"
    "|side|stair|bed|metal|wooden|rope|carpet|vine|spider|loom|like|as|to|british|american"
    "|rare|house|few|many|more|lots|flock|pair|group|several|chirping|both|these|those|their|his"
    "|her"
    "|handloom|hand-loom|dress|street|skilled|local|traditional|rug|textile|hair|stone|rope"
)
_NO_GENUS = (  # in Latin form, and English all the same
    r"(?!(?:Aurora|Homo|Boa|Aloe|Pizza|Costa|Villa|Casa|Santa|Coca|Pasta|Opera|Vespa|Mega"
    r"|Extra|Ultra"
    r"|Panda|Tuna|Via|Magna|Alpha|Mama|Papa|Tyrannosaurus|Virus|Bonus|Circus|Campus|This|Various"
    r"|Famous|Gorgeous|Curious|Christmas|Canvas|Texas|Lotus|Cactus|Crocus|Octopus|Walrus|Citrus|Bus"
    r"|Area|Camera|Umbrella|India|China|Africa|America|Asia|Stadium|Aquarium|Medium|Museum|Premium"
    r"|Album|Dangerous|Is|His|Plus|Hummus|Sea|Tea|Soda|Vanilla|Banana|Zebra|Koala|Llama|Gorilla) )"
)
_EPITHET = (
    r"[a-z]{2,}(?:ensis|oides|ifolia|ifolium|iflora|iflorus|florum|atum|osum|osa|aceus|acea|ianum"
    r"|icola|icum|estris|escens|inum|ulum|ellus|ellum|ii|iae|abilis|abile|nobile|orum|arum|ceps"
    r"|formis|phylla|phyllum|phyllus|utus|onicus|onica|etum|arius|ivus|uum|anum|dorsalis|cephala)"
)
_WEAK_EPITHET = (
    r"[a-z]{2,}(?:(?<!o)bile|(?<=no)bile|us|um|ata|ita|ica|ina|ida|ola|ea|ra|uta|ana|aria|alis"
    r"|aris|ilis|ans|ens|oluta|aea"
    r"|na|la|ta|sa|ris|nis|tis|gera|fera|pes|lex|nax|color|spp)"
)
_NO_EPITHET = (
    r"(?:camera|zebra|opera|orchestra|umbrella|marina|arena|area|idea|sea|tea|pizza|pasta"
    r"|tuna|cactus"
    r"|campus|bus|circus|virus|octopus|hippopotamus|walrus|status|chorus|citrus|lotus|crocus|focus"
    r"|banana|gorilla|koala|villa|vanilla|plaza|sauna|soda|sofa|data|extra|salsa|santa|aroma|drama"
    r"|stadium|aquarium|museum|album|medium|bonus|menus|plus|cobra|puma|panda|llama|alpaca|tiara"
    r"|toga|yoga|tortilla|paella|mozzarella|bandana|pyjama|cinema|propaganda|veranda|pagoda|tennis"
    r"|jeans|beans|fans|means|hens|pens|lens|teens|greens|queens|gardens|kittens|chickens|kitchens"
    r"|children's|trans|pans|vans|cans|plans|swans|veterans|musicians|magicians|dolmens|open|aliens"
    r"|citizens|ravens|ovens|mittens|garden|color|flora|fauna|guerrilla|lasagna|quinoa|mascara"
    r"|stigmata|regatta|errata|cicada|sonata|piñata|canvas|various|famous|dangerous|delicious"
    r"|cafeteria|pizzeria|malaria|bacteria|trattoria|hysteria|aria|replica|harmonica|angelica"
    r"|ballerina|concertina|carolina|patina|retina|mandolina|sala|gala|cola|granola|viola|hula"
    r"|\w*ous|romana|havana|nirvana|americana|hydrangea|azalea|guinea|korea|theta|delta|feta|fiesta"
    r"|siesta|pancetta|ciabatta|bruschetta|vista|pista|costa|rosa|mesa|visa|nasa|iris|clitoris)\b"
)
_PLANTS = (
    "roses?|clematis|hosta|dahlia|tulip|iris|hydrangea|acer|fuchsia|geranium|salvia|heuchera|peony"
    "|rhododendron|camellia|magnolia|lavender|maple|daylily|orchid|narcissus|daffodil|pelargonium"
    "|sedum|echinacea|sweet pea|hebe|viburnum|lilac|wisteria|jasmine|begonia|petunia|chrysanthemum"
)
_DIGITS = tuple("0123456789")
_CODE = r"(?=[\w-]*\d)[a-z]{0,3}-?\d[\w-]*"
_YEAR = r"(?:(?:19|20)\d\d|'\d\d)"
_ANY_NAME = r"(?-i:[A-ZÀ-Ž][\w'’-]+)"
_MAKE, _MODEL = alternatives("identity-makes"), alternatives("identity-models")


def first_words(name: str) -> frozenset[str]:
    """Return the words that entries of a list begin with, also in the plural and the genitive."""
    first = {re.split(r"[ -]", entry)[0] for entry in entries(name)} | {
        entry.split()[0] for entry in entries(name)
    }
    return frozenset(word + end for word in first for end in ("", "s", "es", "'s"))


PATTERNS = (
    # vehicles, aircraft, devices
    rf"\b{_YEAR} (?:\w+ )?(?P<vehicle>(?:{_MAKE}))\b(?: (?:{_MODEL}|{_CODE}"
    rf"|[A-Z]\w+)(?: [A-Z\d]\w*)*)?",
    rf"\b{_YEAR} (?=(?-i:[A-Z]))(?:{_MODEL})\b(?: [A-Z\d]\w*)*",
    r"\b\d{2,3}(?:-\d{2,3})? ?mm f/?\d[\d.]*",
    (
        first_words("identity-makes"),
        rf"\b(?:{_MAKE}) (?:{_MODEL})\b(?: (?:mk ?\d|[a-z]{{2,3}}\d?(?= |$)))?",
    ),
    (
        _DIGITS,
        rf"\b(?:{_MAKE}) (?:\w+ )?(?!911\b|500\b|2cv\b|250\b){_CODE}\b(?! (?:cars?"
        rf"|people|vans|tractors|trucks))",
    ),
    (
        ("mk", "mark", "gt", "vxr", "type", "turbo", " st ", "amg", "wrx"),
        rf"\b(?:{_MAKE}) (?:\w+ ){{0,2}}(?:mk ?\d|mark (?:\d|[iv]+)|gti|gtd|vxr"
        rf"|type[ -]r|turbo s|st line|amg|gt3|wrx)\b",
    ),
    (
        ("iphone", "ipad", "macbook", "thinkpad", *_DIGITS),
        r"\biphone (?:\d+|x[sr]?\b|se\b)[\w ]*|\b(?:galaxy|pixel|oneplus|redmi|xperia"
        r"|moto|nokia|huawei|surface|kindle|fairphone|nexus) (?:note |fold |flip |tab "
        r"|pro |go )?[a-z]{0,2}\d+\w*|\bipad (?:air|pro|mini|\d)\b|\bmacbook (?:air"
        r"|pro)\b(?= \w*\d| m\d)|\bthinkpad [a-z]+\d+\w*",
    ),
    (
        _DIGITS,
        r"\b(?:canon|nikon|sony|fujifilm|fuji|leica|olympus|panasonic|pentax"
        r"|hasselblad|gopro|dji|garmin|fitbit|casio|seiko|rolex|omega|tag heuer|dell"
        r"|lenovo|nvidia|amd|intel|roland|korg|moog|yamaha|fender|gibson|ibanez|nike"
        r"|adidas|new balance|lego|bosch|makita|dewalt|stihl|husqvarna|singer|bernina"
        r"|weber|technics) (?:\w+ ){0,2}?(?=[\w-]*\d)[a-z]{0,4}-?\d[\w-]*",
    ),
    (
        ("fender", "gibson", "rolex", "omega", "rtx", "xbox", *_DIGITS),
        r"\b(?:fender (?:jazz bass|stratocaster|telecaster|precision bass|jaguar"
        r"|jazzmaster|mustang)|gibson (?:les paul|sg|es-335|flying v|explorer|j-45)"
        r"|rolex (?:submariner|daytona|datejust|explorer|gmt(?:-master)?"
        r"|oyster perpetual|day-date)|omega (?:speedmaster|seamaster)|air max \d+"
        r"|air jordan \d+|jordan \d+s?|yeezy \w*\d+|rtx \d{4}|playstation [1-5] (?:pro"
        r"|slim)|xbox (?:series [xs]|one [sx]))\b",
    ),
    (
        _DIGITS,
        r"\b(?:airbus|embraer|cessna|atr|dash|bombardier|antonov|gulfstream|learjet"
        r"|sukhoi|mig|tupolev|ilyushin|fokker|bell|sikorsky|piper|beechcraft"
        r"|de havilland|dassault|saab|tornado|spitfire|hurricane"
        r"|bae) (?:\w+ )?-?(?:[a-z]{0,3}-?\d[\w-]*|mk ?\.?[\divx]+)",
    ),
    (
        _DIGITS,
        r"\bboeing (?:7[0-9]7-\w+|73\d|75\d|76\d|77\d|78\d)\b"
        r"|\b(?:[afbcmtu][ah]?-\d{1,3}[a-z]?|su-\d\d|mig-\d\d|ah-64|uh-60|ch-47"
        r"|a3[1-8]0\w*|crj-?\d+|erj-?\d+)\b(?= (?:jet|fighter|plane|aircraft|bomber"
        r"|helicopter|taking|landing|in flight|at|over|on|parked|taxiing)|$)",
    ),
    (
        _DIGITS,
        r"\b(?:class \d{2,3}|type \d{2,3}|leopard 2\w*|m1a\d|t-(?:34|55|62|72|80"
        r"|90)\w*|challenger 2|panzer (?:iv|iii|v|vi)|king tiger tank"
        r"|tiger i\b) (?=locomotive|loco|train|dmu|emu|diesel|tank|destroyer|frigate"
        r"|submarine|unit|electric|main)\w+|\bleopard 2a\d|\bm1a\d abrams|\bt-72\b",
    ),
    # species
    (first_words("identity-species"), rf"\b(?:{alternatives('identity-species')})(?:s|es)?\b"),
    (
        tuple(_BIRDS.split("|")),
        rf"\b(?!(?:{_PLAIN}) )[a-z][a-z'-]{{2,}} (?:{_BIRDS})s?\b(?! (?:bird food"
        rf"|feeder|street|car))",
    ),
    rf"\b(?-i:{_NO_GENUS}[A-Z][a-z]{{2,}}(?:us|a|um|is|ia|es|on|ix|ax|ex|ys|ops|as"
    rf"|e|os|er) {_EPITHET})\b",
    rf"\b(?-i:{_NO_GENUS}[A-Z][a-z]{{2,}}(?:us|a|um|is|ium|ix|ops"
    rf"|ys) (?!{_NO_EPITHET}){_WEAK_EPITHET})\b",
    r"\b(?-i:[A-Z]\. ?[a-z]{4,}(?:us|a|um|is|ii|e))\b|\bbreed of (?:dog|cat|sheep|cow|hen)\b"
    r"|\bcultivars?\b",
    (("'",), rf"(?<!\w)(?:{_PLANTS}) (?-i:'[A-Z][\w ]+')"),
    (
        (" variety ", " cultivar "),
        rf"\b(?:{_PLANTS}|apple|tomato|potato|pear|grape|wheat|rice|mango) (?:variety"
        rf"|cultivar) {_ANY_NAME}",
    ),
    (
        ("-",),
        r"\b\w+-(?:browed|breasted|throated|headed|tailed|crowned|winged|bellied|backed|eared"
        r"|rumped"
        r"|capped|necked|billed|crested|cheeked|fronted|naped|collared) (?:\w+)?(?:wren|thornbill"
        r"|parakeet|kite|pigeon|dove|heron|egret|ibis|hornbill|kingfisher|lapwing|lorikeet|lark"
        r"|finch"
        r"|rosella|warbler|duck|goose|bulbul|starling|tit|eagle|stork|owl)s?\b",
    ),
)
