"""What tells that letters, words or digits must be read: patterns, grouped by what they mean.

In them an underscore stands for a space.  ``cue`` is what leads to the text; where there is a
group ``rest``, all that follows is the text; ``read`` is the text where it is known.
"""

from __future__ import annotations

import re

from edgeclip.advice.lists import alternatives
from edgeclip.advice.rules import reading_numbers, reading_stated
from edgeclip.advice.rules.reading_numbers import CAPITALS

_CARRIER = rf"\b(?:{alternatives('reading-carriers')})"
_SOMEWHERE = r"(?:_(?:in|on|at|by|above|over|outside|near|of)_(?:\w+_){0,2}\w+)?"
_ON_CARRIER = rf"""
    {_CARRIER}(?: {_SOMEWHERE},?_(?P<cue>
      # "a sign that says", "a notice in a window saying"
      (?:(?:that|which|who)_)?(?:
        say(?:s|ing)? | sayin' | reads(?!\w) | read: | spell(?:s|ing)? | (?:pro|ex)claim(?:s|ing)?
        | announc(?:es?|ing) | mention(?:s|ing)? | declar(?:es?|ing) | advis(?:es?|ing)
        | urg(?:es?|ing) | stat(?:es?|ing)_(?!of\b) | apologi[sz](?:es?|ing) | demand(?:s|ing)
        | forbid(?:s|ding) | prohibit(?:s|ing) | bann?(?:s|ing) | thank(?:s|ing)_
        | request(?:s|ing) | instruct(?:s|ing) | remind(?:s|ing) | promis(?:es|ing)
        | allow(?:s|ing) | permit(?:s|ting) | recommend(?:s|ing) | goes_(?=["'])| requir(?:es|ing)
        | congratulat(?:es|ing) | commemorat(?:es|ing) | wish(?:es|ing)_ | quot(?:es|ing)
        | invit(?:es|ing) | quot(?:es|ing) | names_ | naming | lists_ | listing | warns
        | advertis(?:es|ing) | explain(?:s|ing) | confirm(?:s|ing)
        | tell(?:s|ing)?_(?:\w+_)?(?:to|that|about|how|where|not|off|people|visitors|us|you)\b
        | ask(?:s|ing)?_(?:for|\w+_to|\w+_not|if|whether)\b
        | warning_(?:of|about|against|not|that|people|visitors|us|you|drivers|walkers)\b
        | includ(?:es|ing)_the_(?:words?|name|phrase) )
      | (?:that_|which_)?(?:doesn't|don't|didn't|does_not|do_not|did_not|never|no_longer|isn't|not)_
        (?:say(?:ing)?|list(?:ing)?|mention(?:ing)?|read|state|includ(?:e|ing)
        |show_the_(?:price|word|name|date))\b
      | (?:(?:that|which)_)?(?:beginning|starting|ending|begins|starts|ends)_(?:with_)?(?!to\b
      |at\b|of\b|from\b|by\b)
    )(?P<rest>)
    # "a notice left of the sinks says", "buses showing 'Ealing'"
    | (?:_[\w'-]+){{1,5}}?_(?P<cue5>(?:(?:that|which)_)?(?:says|reads)_)(?P<rest5>)
    | _(?P<cue6>(?:showing|with|that_goes|bearing)_(?=["'][^"']+["']))(?P<rest6>)
    | _(?P<cue7>(?:valid|good)_(?:until|till|for|from|on|to)\b)(?P<rest7>)
    # "a mug reading", but a child in a shirt reading a book
    | _(?P<cue2>reading:?_the_words?
      | reading:?_(?!(?:{alternatives("reading-read")})\b)(?=\S))(?P<rest2>)
    # "a tin marked": not "marked by a cross", nor "printed with flowers"
    | _(?P<cue3>(?:marked|labell?ed|stamped|printed|engraved|inscribed|carved
      |embroidered|emblazoned|lettered|titled|entitled|captioned|headed|headlined|addressed_to
      |signed_by|signed|daubed|stencill?ed|scrawled|spray-painted|sprayed|tattooed|branded|dated
      |misprinted|worded|autographed|monogrammed):?_
      (?!(?:by|in|on|for|from|at|and|off|out|up|down|across|over|into|onto|to|as|under)\b
        | with_(?!the_(?:words?|names?|letters?|text|number|date|phrase|initials?)\b)
          (?!\S*(?-i:[A-Z\d"]))))(?P<rest3>)
    # "a note: back at 5"; a long text behind a colon is a caption
    | (?P<cue4>:_(?=\w.{{0,60}}$) | _?:?_?(?="[^"]+"))(?P<rest4>) )
"""
_IN_WORDS = rf"""
    # "with the words", "bearing the name"
    \b(?P<cue>(?:with|bearing|has|have|having|showing|displaying|carrying|containing|in|and|using)_
      (?:the|an?|my|our|his|her|their)_(?:\w+_){{0,2}}
      (?:words?|wording|phrase|slogan|message|inscription|caption|headline|motto|lyrics|letters?
      |initials|text|title|names?|numbers?|digits?|figures?|date|heading|epitaph|quote|quotation
      |sentence|warning|subtitles?|address|web_address|url|password|phone_number|logo_text|hashtag
      |surname|nickname|formula
      |equation|verse|proverb|prayer|poem|lettering|writing)
      _(?!on\b|in\b|of\b|from\b|and\b|board\b|plates?\b|tags?\b|signs?\b|bubbles?\b|blocks?\b
        |box(?:es)?\b|openers?\b|badges?\b|labels?\b|lights?\b|tape\b|palms?\b|cards?\b|pages?\b
        |triangles?\b|bears?\b))
      (?P<rest>)
    | \b(?P<cue2>(?:the|whose|this|a)_(?:words?|slogan|phrase|nameplate|inscription|motto|headline)
      (?:_is|_says|_reads|:)?_(?=(?-i:["'A-Z])|\w+_(?:on|in|made|written|across|painted|over
      |under)\b)
      | \bwords?_(?=(?-i:[A-Z]{{2}}))
      | \bthe_words?_(?=\w+$))
    | \b(?P<cue11>(?:(?:my|our|his|her|their|the)_)?(?:initials|surname
      |name)_(?-i:(?:[A-Z]\.?){{2,3}}(?!\w)|["'][A-Z]))
    # "a letter B", "the letters LOVE"
    | (?P<cue3>\b(?:the|an?|whose|big|giant|huge|large|red
      |capital)_(?:capital_)?letters?_(?-i:[A-Z]{{1,9}}\b)(?!'))
    | (?P<cue4>\bwith_(?:my|our|his|her|their|the_\w+'s|your)_(?:name|initials)s?\b
      | \bwith_(?:an?_)?(?:\w+[_-]){{1,4}}(?:message|slogan|caption|inscription|hashtag)\b
      | \bwith_"[^"]+"
      | \bwith_(?:\S+_){{1,6}}(?:written|scrawled|spelled|spelt|iced|piped|sprayed|scratched
      |filled)_
        (?:on|across|in|out|over|around)\b
      | \bwith_(?:the_words?_)?{CAPITALS}(?:_(?:in|over)\b|$)
      | \bon_it_(?:is|are|was|stands?|reads?|it_says)_(?-i:["A-Z\d])
      | \bwith_(?-i:[A-Z\d][\w'&.!?-]*)(?:_[\w'&.!?-]+){{0,5}}_(?:(?:painted|printed|written
        |embroidered|stitched|engraved|carved|stencilled|sprayed|emblazoned|tattooed)_)?
        (?:on|across|along|down)_(?:it|its_\w+|(?:his|her)_(?:back|chest|arm|shirt|cap)|(?:the|a)_
        (?:back|front|side|spine|cover|label|bow|stern|hull|tail|door|blind|lid|sleeve|sign|screen
        |display|badge|window|fuselage|banner|plate|tag|flag|cup|mug|collar))\b )
    # lettering wherever it stands: "tiles spelling LOVE", "a banner FREE HUGS"
    | \b(?P<cue5>spell(?:s|ing|ed|t)?_(?:out_)?(?!(?:bee|tests?|books?|mistakes?|errors?|lesson
      |class|words?|of|on|by|with|in|casting|is|and|contest|competition|game|homework)\b)(?=\w|"))
      (?P<rest2>)
    | \b(?:graffiti|tag|banner|signs?|stickers?|placards?|mural|sprayed|stencil|hoodie|t-shirt|cap
      |box|crate|van|side)(?:_(?:with|of|saying|that))?_(?P<cue6>{CAPITALS})
    | (?P<cue7>\b(?:misspel(?:t|led|ling)|mis-spelled|mistyped|sp(?:elt|elled)_(?:wrong
      |incorrectly|with)
      |wrongly_spel(?:t|led)|typos?|spelling_(?:mistakes?|errors?))\b)
    | (?<=\w_)(?<!\bof_)(?<!\bwith_)(?<!\ba_)(?<!\ban_)(?<!\bthe_)(?<!\band_)(?<!ly_)(?<!\bmany_)
      (?<!\bsome_)
      (?<!\ball_)(?<!\bare_)(?<!\bis_)(?<!\bin_)(?<!\bfew_)(?<!\bseveral_)
      (?P<cue8>(?:labell?ed|captioned|emblazoned|inscribed|titled|entitled)(?:_with|_as)?_)
      (?!(?:by|in|on|for|from|at|and|with_(?:a|an|flowers|colou?rs?))\b)(?=[\w"'])(?P<rest3>)
    | (?P<cue12>\beach_(?:marked|labell?ed|numbered|stamped)_(?!with_an?\b|by\b|in\b|out\b
      |for\b)(?=\S))
    | (?P<cue9>\b(?:that|which)_(?:doesn't_say|does_not_say|don't_say|says?|mentions?|lists?|warns
      |states)_)
      (?!(?:a_)?(?:lot|it_all|much)\b)(?P<rest4>)
    | \b(?:speech|chat|thought|text)_bubbles?_(?P<cue10>"[^"]+"|(?:saying|with|that
      |reading)\b)(?P<rest5>)
"""
_QUESTIONS = r"""
    \b(?P<cue>
      what_(?:does|do|did|is|was|are|'s)_(?:\S+_){1,8}
        (?:says?|reads?|written|state|spell|called|titled|mean|stand_for)\b
      | what(?:_is|'s|s|_was)_(?:written|printed|painted|carved|engraved|inscribed|scrawled|stamped
        |spelled|tattooed|on_the_(?:menu|sign|label|note|board|poster|banner|screen|plaque))\b
      | what(?:_is|'s|s)_(?:the|this|that|his|her|their)_(?:\S+_){0,4}?(?:name|number(?!_of)|price
      |date
        |title|address|score|time|total|reading|temperature|mileage|speed|caption|headline)\b
      | what_time_(?:is|does|do|did|was)\b
      | wh(?:at|ich)_(?:\S+_){0,5}(?:name|number|word|words|text|date|price|total|time|score|amount
        |temperature|platform|gate|address|title|speed|year|size|brand|stop|floor|page|room)s?\b
        (?!_of_\w+s\b)(?=.*_(?:on|in|according_to|show|shown|does|is_it|of|printed|written)\b)
      | who_(?:signed|wrote|painted|published|made|brewed|printed|is_(?:it|this)_addressed_to
        |sent|is_buried|lives)_(?:this|that|the|these|it|here)\b
      | who(?:se)?_(?:\w+_)?(?:is_)?(?:name|signature|initials|number)s?_(?:is|are)\b
      | when_(?:does|do|is|did|was|will)_(?:\S+_){1,6}(?:go_off|expires?|close|open|leave|depart
        |arrive|due|published|printed|built|start|run_out|made|born|die|issued|best_before)\b
      | (?:where|who)_(?:does|do|is|was)_(?:\S+_){1,4}(?:go(?:ing)?_to|bound_for|addressed_to
      |for_sale_by|made)\b
      | how_much_(?:is|are|does|do|did|was|for|costs?)\b
      | how_much_(?:\S+_){1,6}(?:according_to|on_the_(?:label|receipt|tag|bill|sign))\b
      | how_(?:fast|hot|heavy|cold|late|long)_(?:\S+_){1,6}(?:according_to|on_the_(?:\w+_)?
        (?:display|dial|clock|screen|sign|gauge|scales?|label))\b
      | do(?:es)?_(?:the|this|that|his|her|it)_(?:\S+_){0,5}?(?:say|mention|list|state|spell|read
        |cost|contain)\b
      | is_the_(?:price|total|date|time|score|number|speed|temperature|name)\b
      | written_(?:on|in|across|above|over|by)\b(?=.*\?)
      | (?:make_out|read|decipher|transcribe|translate|ocr|tell_me|write_down|copy_out|type_out
        |extract|give_me|note_down|see|check|zoom_in_on|legible|spot|find)_
        (?:(?:the|what|this|that|his|her|me|for|out|to_me)_){0,3}(?:\w+_)?
        (?:name|number|text|words?|label|letters?|inscription|number_plate|licence_plate|date
        |small_print|fine_print|writing|lettering|sign|caption|title|it_says|address|price
        |handwriting)\b
        (?!_(?:language|of_\w+s\b|for_a|festival|writer|lover|tag|desk|with_a_view))
      | (?:translate|transcribe|ocr|proofread|summaris?z?e)_(?:(?:the|this|that|my|a|an|his
      |her)_)?(?:\w+_)?(?:menus?|signs?|labels?|letters?
        |pages?|text|notes?|documents?|receipts?|forms?|captions?|handwriting|inscriptions?|board
        |article|plaque)\b
      | check_the_(?:lid|label|tag|sticker|packet|back|bottom|sign|board|spine|box|receipt|screen)\b
      | according_to_(?:the|this|that|its|his|her)_(?:\w+_)?(?:sign|board|label|clock|thermometer
        |display|receipt|screen|scoreboard|ticket|calendar|meter|menu|timetable|gauge|plaque|tag
        |badge|poster|notice|packet|package|headline|caption|dial|scales?)\b
    )
"""
_TOLD = r"""
    # what a text is about, from or to whom
    \b(?:placards?|banners?|protest_signs?|slogans?|picket_signs?)_(?P<cue>(?:against|calling_for
      |in_support_of|supporting|criticis?z?ing|mocking|about|for_(?:peace|equal|better|higher)
      |protesting|opposing|demanding)\b)(?P<rest>)
    | \b(?:slides?|paragraphs?|pages?|chapters?)_(?P<cue2>(?:about|that_says|explaining|describing
      |where_it_says)\b)(?P<rest2>)
    | \b(?:signpost|signs?|road_signs?|fingerpost)_(?P<cue3>(?:pointing|directing
      |giving_directions)(?:_\w+)?_(?:to|towards?)_)(?P<rest3>)
    | \b(?:error_message|message|warning|notification|alert|pop-up|popup|tweet|headline|article
      |voicemail|text_message|whatsapp|memo)_(?P<cue4>(?:about|that_says|that|from|by|on|asking
      |telling)\b)
      (?!_(?:a|the|his|her|my|their)_(?:phone|screen|laptop|tablet|computer|wall|monitor|table|desk
      |fridge|door|board))(?P<rest4>)
    | \b(?:whiteboard|chalkboard|blackboard|noticeboard|flip_?chart|slide)_(?P<cue24>(?:with|w|w/
      |of|showing)_
      (?:our|the|my|this|today's|tomorrow's|their|his|her)_)(?P<rest21>)
    | \b(?:msg|text_msg|text|sms|e-?mail|letter|article|slip|chit|leaflet|docket
      |card)_(?P<cue25>(?:about|abt|re|regarding
      |confirming|mentioning|dated|belonging_to)\b)(?P<rest22>)
    | \btext_(?P<cue5>(?:from|about)_(?:my|the|our|a|his|her|mum|mom|dad|(?-i:[A-Z])))(?P<rest5>)
    | \b(?:qr_codes?|barcodes?)_(?P<cue6>(?:for|that|linking|leading|to|of|\d+)\b)(?P<rest6>)
    | \b(?:menu|price_list|noticeboard|notice_board|timetable|blackboard|chalkboard|directory)s?_
      (?P<cue7>(?:offering|listing|featuring|advertising|mentioning|naming)\b)(?P<rest7>)
    | \b(?:receipts?|invoices?|bills?|e-?mails?|boarding_pass(?:es)?|prescription|payslips?
      |headlines?|bank_statements?|contracts?|cheques?|certificates?|passports?|visas?|sms|telegram
      |newspaper_articles?|articles?|diary_entry|obituary|memo|tickets?|parking_ticket|timetable
      |parking_fine|train_ticket|bus_pass|diploma|degree|marriage_licence|birth_certificate)_
      (?P<cue8>(?:from|for|about|to|dated|over|issued_(?:in|by|to|on)|made_out_to|addressed_to
      |in_the_name_of|mentioning|regarding|signed_by|showing|listing|under|that_(?:mentions
      |lists))\b)
      (?P<rest8>)
    | \b(?:letters?|envelopes?|parcels?|packages?|postcards?|cards?)_(?P<cue9>(?:addressed_to|dated
      |signed_by|postmarked|from_(?:the|my|our)|about|franked)\b)(?P<rest9>)
    | \b(?:parcel|letter|envelope|package|delivery|note)_(?P<cue10>(?:for|to)_
      (?!(?-i:Santa|Father|God))(?-i:[A-Z]))(?P<rest10>)
    | \b(?:menu|page|paragraph|chapter|letter|receipt|bill|ticket|timetable|departures?_board
      |departures?_screen|arrivals_board|arrivals_screen|screen|newspaper|form|contract|list
      |calendar|sign|label|notice|chalkboard|blackboard|whiteboard|scoreboard|noticeboard|banner
      |poster|placard|card|note|plaque|docket|slip)_(?P<cue11>(?:where|on_which
      |in_which)\b)(?P<rest11>)
    | \b(?:departures?|arrivals?|destination|flight)(?:_information)?_(?:board|screen|display
      |blind)s?_(?P<cue12>(?:with|showing|for|that_shows?|listing|reading)_)(?P<rest12>)
    | \b(?:bus|train|tram|coach)_(?P<cue13>(?:with_(?:the_)?destination|bound_for)\b)(?P<rest13>)
    | \b(?:bus|buses|train|tram|coach)_(?P<cue21>(?:showing|with)_(?:the_)?destination)(?P<rest19>)
    | \b(?:ballot|vote|ballot_paper|form)s?_(?P<cue22>(?:marked|cast|filled_in)_(?:for
      |in_favour)\b)(?P<rest20>)
    | \b(?P<cue23>prices_(?:higher|lower|over|under|above|below|from|starting|in)\b)
    # what things are called
    | \b(?:shop|shop_?front|storefront|sign|pub|café|cafe|restaurant|book|novel|magazine|boat|ship
      |yacht|trawler|barge|locomotive|street|hotel|bar|salon|store|poster|bakery|narrowboat|ferry
      |album|record|film|song|paperback|hardback|takeaway|house|cottage|bookshop|van)_
      (?P<cue14>(?:that_is_|that's_)?(?:called|named)\b)(?P<rest14>)
    | \b(?:street_sign|road_sign|signpost|sign|name_tag|name_badge|nameplate|badge|signs
      |place_card)_
      (?P<cue15>(?:for|to|of)_(?-i:[A-Z]\w+))(?P<rest15>)
    | \b(?:name_tag|name_badge|nameplate|name_plate|place_card|dog_tag|street_sign|road_sign)_
      (?P<cue16>(?=(?-i:[A-Z])))(?P<rest16>)
    | (?P<cue17>\bwhose_(?:name|nameplate|label|title|sign|number|caption|plate|cover|spine)
      (?:_plate)?_(?:is|reads|says|starts|begins|ends|mentions)\b)(?P<rest17>)
    | (?P<cue18>\b(?:signed_by|autograph_of|signature_of|autographed_by|inscribed_to)_(?-i:[A-Z]))
      (?P<rest18>)
    | \b(?:gravestone|headstone|tombstone|grave|memorial|plaque)s?_(?:\w+_){0,5}
      (?P<cue19>(?:died|born|fallen|killed|buried|aged|lost)_(?:\w+_){0,3}?(?:\d+|at_sea)\b)
    | (?P<cue20>\bthe_(?:price|total|date|time|number|score|address|ingredients|small_print
      |fine_print|text|wording|words|caption|title|digits|name|dose|dosage|instructions|headline
      |amount|expiry|serial|writing|inscription)_(?:on|in)_(?:the|this|that|a|my|his|her|our
      |their)\b)
"""
_ELSEWHERE = r"""
    # the same in other languages
    (?P<cue>\b(?:mit_der_aufschrift|auf_dem_.{1,20}steht|(?:cartel|letrero|señal|pancarta)_que_dice
      |que_diga|que_dice|où_il_est_écrit|qui_dit|avec_l'inscription|con_scritto|con_la_scritta
      |che_dice|placa_que_diz|que_diz|met_de_tekst|met_het_opschrift|waarop_staat|som_det_står
      |z_napisem|с_надписью|где_написано|写着|と書かれた|と書いてある|라고_적힌|라고_쓰인|yazan|steht_drauf
      |en_la_que_pone|que_pone|donde_pone|sur_laquelle_est_écrit|marqué_|kennzeichen_
      |matrícula_)(?!\w))
"""


def _compiled(block: str) -> re.Pattern[str]:
    return re.compile(block.replace("_", r"\ "), re.VERBOSE | re.IGNORECASE)


CLUES = {
    name: _compiled(block)
    for name, block in (
        ("carriers", _ON_CARRIER),
        ("words", _IN_WORDS),
        ("questions", _QUESTIONS),
        ("numbers", reading_numbers.NUMBERED),
        ("dials", reading_numbers.DIALS),
        ("sums", reading_numbers.SUMS),
        ("papers", _TOLD),
        ("stated", f"{reading_stated.ANYWHERE} | {reading_stated.STATED}"),
    )
}
"""By the list of the words that they begin with, ``lists/reading-heads-<name>.txt``."""
SIGNS = _compiled(f"{reading_numbers.SIGNS} | {reading_stated.MARKS}")
"""Money, ``#7``, quotes and capitals: they begin with no word that could be listed."""
FOREIGN = _compiled(_ELSEWHERE)
