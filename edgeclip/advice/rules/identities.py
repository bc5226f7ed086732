"""What names one of many: the words and patterns behind the rule for identity."""

from __future__ import annotations

import re

from edgeclip.advice.lists import alternatives
from edgeclip.advice.rules import identity_types

KIN = {
    "person": "partner|fiancée?|ex|neighbou?rs?|friends?|best friend|boss|colleagues?|teacher|tutor"
    "|landlord|landlady|classmates?|flatmate|roommate|housemate|postman|postie|cleaner|gardener"
    "|nanny|carer|dentist|doctor|vet|coach|plumber|mechanic|babysitter|dog walker|student|pupil"
    "|client|manager|assistant|cousins?|siblings?|parents|family|relatives|in-laws|grandparents",
    "people": "kids|children|grandkids|grandchildren|twins|daughters|sons|nieces|nephews|mates",
    "man": "husband|hubby|dad|daddy|father|boyfriend|uncle|ex-husband|fiancé|stepdad|stepfather"
    "|father-in-law|brother-in-law|brother|son-in-law|stepson|godfather|fella|bloke",
    "woman": "wife|wifey|missus|mum|mom|mummy|mommy|mother|girlfriend|aunt|auntie|aunty|ex-wife"
    "|stepmum|stepmom"
    "|stepmother|mother-in-law|sister-in-law|sister|daughter-in-law|stepdaughter|godmother",
    "old woman": "grandma|granny|gran|nan|nana|nanna|grandmother|great-grandmother|great-aunt",
    "old man": "grandad|granddad|grandpa|grandfather|great-grandfather|gramps|great-uncle",
    "boy": "son|nephew|grandson|godson|little brother",
    "girl": "daughter|niece|granddaughter|goddaughter|little sister",
    "baby": "baby|newborn|toddler",
}
_PETS = (
    "dogs?|cats?|puppy|puppies|kittens?|pup|kitten|tomcat|horses?|pony|ponies|mare|stallion"
    "|gelding|foal"
    "|donkey|cow|bull|goats?|sheep|ewe|ram|lamb|pig|hens?|chickens?|cockerel|ducks?|goose|rabbit"
    "|bunny|hamster|guinea pigs?|gerbil|parrot|budgie|cockatiel|canary|tortoise|turtle|snake|lizard"
    "|gecko|goldfish|ferret|chinchilla|labrador|lab|spaniel|terrier|poodle|beagle|collie|retriever"
    "|dachshund|pug|husky|whippet|greyhound|corgi|tabby|pets?|mutt|hound|german shepherd"
    "|llama|alpaca|buffalo|ox|camel|mule|elephant|owl|falcon|macaw|cockatoo|monkey"
)
_THINGS = (
    "car|van|bike|bicycle|motorbike|scooter|boat|caravan|camper|house|flat|garden|phone"
    "|laptop|wallet"
    "|keys|handbag|purse|backpack|suitcase|umbrella|jacket|watch|guitar|violin|tractor|truck|lorry"
    "|parcel|bag|ring|shed|kitchen|allotment|office|passport"
)
_PERSON = (
    "man|woman|guy|bloke|chap|lad|lady|girl|boy|person|people|kid|suspect|intruder|burglar|thief"
    "|driver|courier|postman|postie|cleaner|gardener|neighbour|neighbor|customer|visitor|stranger"
    "|fellow|gentleman|waitress|barmaid|barman|bartender|barista|chef|cook|bouncer|guard"
    "|security guard|usher|receptionist|cashier|clerk|builder|workman|handyman|tramp|busker"
    "|beggar|salesman|milkman|window cleaner|taxi driver|bus driver|tourist|skateboarder"
    "|runner|hiker|swimmer|surfer|musician|singer|dancer|bride|groom|referee|goalkeeper"
    "|policeman|policewoman|officer|couple|employee|worker|teenager|youth|delivery (?:man"
    "|driver|guy)|waiter"
    "|nurse|teacher|student|jogger|cyclist|vandal|shoplifter|fella|dude|figure|individual|player"
)
_VEHICLES = "car|van|vehicle|truck|lorry|bike|motorbike|taxi|boat|ship|tractor|scooter"
TITLES = (
    "mr|mrs|ms|miss|mx|dr|doctor|prof|professor|sir|dame|lord|lady|president|prime minister"
    "|chancellor|senator|governor|mayor|pope|archbishop|king|queen|prince|princess|emperor|empress"
    "|captain|colonel|sergeant|constable|judge|reverend|rev|father|sister|brother|saint|auntie?"
    "|aunty|aunt|uncle|grandma|grandpa|granny|gran|nana|nan|grandad|granddad|cousin|coach|pastor"
    "|farmer|foreman|papa|mama|nonna|nonno|opa|oma|abuela|abuelo"
)
NOT_A_NAME = (  # behind a first name: a place, a work, a thing that is called so
    r"(?!(?:'s?)?(?: (?-i:[A-ZÀ-Ž])\S+)?[ -](?:street|st|road|rd|avenue|ave|lane|square"
    r"|bridge|church|cathedral|island|islands"
    r"|falls|lake|park|station|airport|stadium|museum|castle|palace|hall|house|hotel|tower"
    r"|river|bay"
    r"|beach|mountain|mount|peak|desert|city|county|valley|hill|hills|cross|abbey|college"
    r"|university"
    r"|hospital|school|style|statue|statues|sculpture|costume|impersonator|figurine|toy|doll|poster"
    r"|painting|paintings|portrait|mural|mask|bobblehead|action figure|waxwork|lookalike|look-alike"
    r"|memorial|monument|award|awards|statuette|haircut|tree|trees|pie|cake|crackers?"
    r"|hoover|vacuum|dock|glacier|in wonderland|of green gables|and juliet|kors|artois"
    r"|ashley|karan|mcqueen|mccartney|mcdonald|jacobs|choo|gaultier|twist|meme|technique"
    r"|vi+|iv|iii|xi+v?|guitar|salad|sandwich|coat|jacket"
    r"|collar|hat|shirt|dress|shoes|boots|chair|sofa|lamp|table|tartan|and the|the tank|the builder"
    r"|the pooh|the explorer|the frog|the cat\b|the hedgehog|the barbarian|the pig|bread"
    r"|grey tea|rose"
    r"|bean\b|wang|russell|spaniel|pears?|plums?|potato(?:es)?|grapes?|tulips?|melba|wellington"
    r"|temple|check|knife|spanner|wrench"
    r"|brewery|bakery|brand|logo|store|shop|market|gate|gardens?|s)\b)"
    # what somebody did with a file says nothing of the picture
    r"(?! (?:sent|took|shared|liked|emailed|posted|uploaded|showed|gave|wants|asked|forwarded|made"
    r"|picked|needs|texted|chose|deleted|edited|rejected|approved|mentioned)\b)"
)
ICONS = re.compile(
    r"(?:dr\.? pepper|mr\.? potato|mr\.? whippy|mr\.? bean|mr\.? men|mrs\.? claus"
    r"|king charles (?:spaniel|cavalier)"
    r"|cavalier king|queen anne|prince of wales|prince albert|father christmas|father's|mother's"
    r"|lazy susan|mona lisa|hagia sophia|romeo and juliet|father time"
    r"|mother nature|sister act|brother printer|lord of|lady of|sir lancelot|king kong"
    r"|king arthur|king tut|king lear|queen elsa|princess leia|prince charming|captain america"
    r"|captain hook|captain jack|captain marvel|doctor who|doctor strange|dr\.? strange"
    r"|doctor octopus"
    r"|saint bernard|saint nicholas|uncle sam|uncle ben|aunt jemima|judge dredd|miss piggy"
    r"|miss world"
    r"|miss universe|lady liberty|lady justice|lady gaga costume|emperor penguin|princess peach"
    r"|queen's|king's|coach [a-z]* ?seat|virgin mary|hail mary|bloody mary|mary jane"
    r"|jack russells?|granny smith|jack daniel"
    r"|tom yum|tom collins|ben nevis|ben & jerry|charlie brown|charlie chaplin costume|peter pan"
    r"|peter rabbit|harry potter|james bond|sherlock holmes|tom and jerry|tom & jerry|hello kitty"
    r"|john deere|john lewis|johnnie walker|calvin klein|tommy hilfiger|ralph lauren|hugo boss"
    r"|tiffany|oscar meyer|oscar mayer|jenny craig|aunt bessie|wendy's|wendy house|harvey nichols"
    r"|paul smith|louis vuitton|yves saint laurent|karl marx|harry winston|elizabeth line"
    r"|victoria sponge|victoria plum|black-eyed susan|sweet william|creeping jenny"
    r"|shirley temple|arnold palmer|roy rogers|jolly roger|jacob's ladder|aaron's rod|eggs benedict"
    r"|charlotte russe|sally lunn|sloppy joe|peach melba|beef wellington|teddy b|raggedy ann"
    r"|ken doll"
    r"|big ben|allen key|stanley knife|jerry can|nanny goat|billy goat|john dory|norman arch|joey\b"
    r"|jack-o|jack in the box|good king|st\.? john|robin hood|barbie|paddington bear|alice band"
    r"|victoria"
    r"|julius meinl|marie rose|anna's hummingbird|steller's|william morris|arne jacobsen"
    r"|charles eames"
    r"|adam and eve|adam's apple|eva foam|joe bloggs|john doe|jane doe|simon says|peter jackson"
    r"|felix the|mickey|minnie|donald duck|daisy duck|bugs bunny|max mara|rosa parks|leo tolstoy"
    r"|mercedes[ -]benz|mercedes|santiago de|san |santa |saint |st\.? |rio |new |costa "
    r"|isla |punta )"
)
_PHOTOS = "(?:photos?|pictures?|pics?|shots?|videos?|footage)"
_BARE = "mum|mom|dad|hubby|wifey|missus"
_FAMILY = (
    "mum|mummy|mom|mommy|dad|daddy|granny|gran|nan|nana|nanna|grandma|grandad|granddad|grandpa"
    "|hubby"
    "|wifey|missus|bro|sis|auntie|aunty"
)
_FOREIGN_KIN = (  # "mein Freund", "mon chat": one's own, in other languages
    "(?:meine?|meine[nmr]|unsere?) (?:hund|katze|kater|freund|freundin|bruder|schwester|mutter"
    "|vater"
    "|mama|papa|oma|opa|sohn|tochter|mann|frau|auto|nachbar|nachbarin|kinder)"
    "|(?:mon|ma|mes|notre|nos) (?:chien|chat|chatte|frère|sœur|soeur|mère|père|mari|femme|ami"
    "|amie|fils"
    "|fille|voisin|voisine|voiture|maison|enfants)"
    "|(?:mi|mis|nuestro|nuestra) (?:perro|perra|gato|gata|hermano|hermana|madre|padre|mamá|papá"
    "|amigo"
    "|amiga|hijo|hija|abuela|abuelo|coche|novia|novio|vecino|vecina|casa)"
    "|(?:mio|mia|il mio|la mia) (?:fratello|sorella|cane|gatto|nonna|nonno|figlio|figlia|moglie"
    "|marito"
    "|amico|amica|madre|padre)|(?:meu|minha) (?:irmão|irmã|cachorro|gato|mãe|pai|avó|avô|filho"
    "|filha"
    "|amigo|amiga)|mijn (?:broer|zus|hond|kat|moeder|vader|oma|opa|zoon|dochter|vriend|vriendin)"
    "|(?:mój|moja) (?:brat|siostra|pies|kot|mama|tata|babcia|dziadek)"
)
_ABROAD = (
    "mein",
    "unser",
    "mon ",
    "ma ",
    "mes ",
    "notre",
    "nos ",
    "mi ",
    "mis ",
    "nuestr",
    "mio ",
    "mia ",
    "meu ",
    "minha",
    "mijn",
    "mój",
    "moja",
)
_RANKS = (
    *("lt", "col", "maj", "gen", "sgt", "cpl", "capt", "cmdr", "adm", "supt", "insp", "pc ", "di "),
    *("dc ", "rev", "fr ", "lieut", "corp", "detect"),
)
_MY = ("my ", "our ")
_BEFORE = ("day", "last", "earlier", "previous", "footage", "camera", "cctv")
_ANY_NAME = r"(?-i:[A-ZÀ-Ž][\w'’-]+)"
_KIN_WORDS = "|".join(KIN.values())
_MINE = r"(?:my|our|his|her|their)"
_MANY = r"(?:\w+(?:-\w+)* ){0,2}?"
PATTERNS = (
    # one's own
    rf"\b(?:my|our) {_MANY}(?P<kin>{_KIN_WORDS})(?![\w-])(?:,? {_ANY_NAME}(?!'s))?",
    rf"\b(?:my|our) {_MANY}(?P<pet>{_PETS})\b(?:,? {_ANY_NAME})?",
    (
        _MY,
        rf"(?<!\bfrom )(?<!\bon )(?<!\bto )(?<!\bfor )(?<!\bwith )(?<!\bin )(?<!\bvia )"
        rf"\b(?:my|our) (?:own |old |new |late |stolen |lost |first |front )?(?P<cue>{_THINGS})\b",
    ),
    r"\b(?:my|our) own (?!photos?|pictures?|pics?|images?|files?|stuff|things?|work|uploads?)\w+",
    rf"\b(?:my|our) (?:\w+ ){{0,2}}(?!Q\d){_ANY_NAME}\b",
    rf"\b{_MINE} (?:dog|cat|horse|pony|mare|puppy|kitten|hamster|rabbit|parrot|son|daughter"
    rf"|brother|sister|wife|husband|friend|nephew|niece|neighbou?r"
    rf"|colleague),? {_ANY_NAME}",
    rf"^(?:{_PHOTOS} of )?(?:me|us|myself|ourselves)\b(?! (?:and my|time|too)\b)(?! anything)"
    r"(?=$| \w)",
    rf"^(?:{_PHOTOS} of )?(?:{_BARE})(?=$| )",
    # "granny's ring", "best mate's girlfriend"
    (
        ("'s",),
        rf"\b(?<!of )(?:{_FAMILY}|my mate|best mate|best friend|mate|boyfriend|girlfriend"
        rf"|flatmate)'s"
        r" (?!day\b|pride\b|ruin\b|kitchen\b|hotel\b)\w+",
    ),
    r"\b(?:uncle|auntie|aunty) (?!and|with|in|on|at|or|is|from|holding|ben\b|sam\b)[a-z]{3,}$",
    r"\b(?:photos?|pictures?|pics?|shots?|selfies?|images?) (?:of|with) (?:me|us"
    r"|myself|ourselves|him|her|them)\b",
    r"\b(?:next door's|the neighbou?rs?'s?|neighbou?rs?'s?|next-door's|number \w+'s) \w+",
    # the same one, the one who
    rf"\b(?:the |that )?(?:very )?same (?:\w+ )?(?:{_PERSON}|{_PETS}"
    rf"|{_VEHICLES})\b(?= (?:as|who|that|from|again|we|i|which|is|was|in both"
    rf"|every|twice)\b|$)",
    (
        (" who ", " that "),
        rf"\b(?:the|that) (?:\w+ )?(?:{_PERSON}|{_PETS}) (?:who"
        rf"|that) (?:\w+ )?(?:comes?|came|nicked|stole|lives?|lived|robbed"
        r"|broke|always|usually|sold|fixed|visited|delivered|used to|keeps?|was here"
        r"|rang|bit|hit"
        r"|scratched|took|owns?|works?|served|taught|i|we|my|attacked|followed|left|ran off)\b",
    ),
    (
        (" from ", "again", " we ", " i "),
        rf"\b(?:the|that) (?:\w+ ){{0,2}}(?:{_PERSON}|{_PETS}"
        rf"|{_VEHICLES}) (?:from (?:number|next door|yesterday|last|across|upstairs"
        rf"|downstairs|flat|accounts|over the|down the|before|earlier|the other)"
        rf"|again\b|we saw|i saw|i met|we met|i used to)",
    ),
    rf"\bthat (?:\w+ )?(?:{_PERSON}|tomcat|fox|cat|dog) again\b"
    rf"|\bthe suspect from\b|\b(?:belonging|belongs) to (?:{_ANY_NAME}|my|our)\b",
    r"\bis (?:that|this|it) (?:my|our)\b|\bwho (?:is|was|are) (?:this|that|he|she"
    r"|the|these|those)\b|\bwho's (?:this|that)\b",
    # who did something to us, who was filmed before
    r"\bwho (?:\w+ )?\w+ (?:us|me|our|my)\b|\b(?:that|which) (?:visits|follows|followed|bit"
    r"|attacked|chased|greets|lives|comes|came|broke|hit) (?:\w+ ){0,2}(?:us|me|our|my)\b",
    (
        _BEFORE,
        rf"\b(?:{_PERSON}) (?:from|in|on|seen|caught|spotted|filmed)(?: \w+){{0,3}} (?:\w+day's"
        rf"|yesterday'?s?"
        r"|last|earlier|previous|footage|camera \w|cctv|(?:mon|tues|wednes|thurs|fri|satur"
        r"|sun)day)\b",
    ),
    (
        (", the one ",),
        rf"\b(?:{_PERSON}|{_KIN_WORDS}|{_PETS})\b[^.]{{0,40}}, the one (?:who|that|i|we|he|she"
        rf"|they|my|from|with)\b",
    ),
    # named ones
    (
        _RANKS,
        rf"\b(?:Lt|Col|Maj|Gen|Sgt|Cpl|Capt|Cmdr|Adm|Supt|Insp|PC|DI|DC|Rev|Fr|Lieutenant|Corporal"
        rf"|Detective|Inspector|Admiral)\.? {_ANY_NAME}",
    ),
    (_ABROAD, rf"\b(?:{_FOREIGN_KIN})\b"),
    rf"\b{_ANY_NAME},? (?:the|our|my|his|her) (?:\w+ )?(?:{_PETS}|neighbou?r"
    rf"|postman|gardener|cleaner|plumber|caretaker|baker|butcher|vet|nurse|teacher"
    rf"|lodger|babysitter)\b(?!s)",
    (
        (" named ", " called "),
        rf"\b(?:{_PETS}|{_PERSON}|horse|baby|elephant|gorilla|panda|whale|polar bear"
        rf"|tiger|lion) (?:named|called) (?:{_ANY_NAME}|\w+)",
    ),
    rf"\b(?:HMS|USS|RMS|MV|HMCS|HMAS|INS|SS) {_ANY_NAME}",
    (
        identity_types.first_words("identity-people"),
        rf"\b(?:{alternatives('identity-people')})\b{NOT_A_NAME}(?<!style of )",
    ),
    rf"\bthat same \w+|\b(?:great|step)[ -](?:uncle|aunt|grandad|grandma"
    rf"|auntie) {_ANY_NAME}",
    (
        (" of ",),
        rf"\b(?:mayor|president|prime minister|king|queen|pope|chancellor|bishop"
        rf"|archbishop|governor|ceo|founder|head|chairman|prince|princess|duke|duchess"
        rf"|captain|manager|ambassador|minister|dean) of (?!Wales (?:check|suit|feathers)|Hearts"
        rf"|Spades|Diamonds"
        rf"|Clubs|Egypt|Persia|Pop|Rock|The|England's|Liberty|Swords){_ANY_NAME}",
    ),
    *identity_types.PATTERNS,
)
