"""Words and numbers on a thing: patterns, see `edgeclip.advice.rules.reading_patterns`."""

from __future__ import annotations

ANYWHERE = r"""
    # "bears the title", "in which she mentions", "whose punchline is", "that opens with Dear"
    \b(?P<cue20>(?:bears|carries|displays|gives|shows)_the_(?:words?|title|name|slogan|message
      |inscription|legend|motto|number|date|caption|phrase|text|letters|initials)
      \b)(?P<rest20>)
    | \b(?P<cue21>(?:in_which|where)_(?:\w+_){1,2}(?:mentions?|says?|asks?|tells?|writes?|wrote|said
      |asked|told|mentioned|complains?|promises?|apologi[sz]es?|invites?|announces?)\b)(?P<rest21>)
    | \b(?P<cue22>whose_(?:punchline|text|wording|headline|heading|message|slogan|inscription|lyrics
      |first_(?:line|word|page)|spine|subject|title_page|address|date|price|total)_(?:is|are|reads
      |says|bears|starts|begins|ends|mentions)\b)(?P<rest22>)
    | \b(?P<cue23>(?:opens|begins|starts|ends|closes)_with_(?=(?-i:["'A-Z])))(?P<rest23>)
    # "with happy 40th on it", "saying vote today", "plate KX51", "SKU 44-0917"
    | \b(?P<cue24>with_(?:happy|merry|welcome|congrat\w*|thank_you|get_well|good_luck|i_love|i_heart
      |keep_calm|just_married|love_you|best_(?:dad|mum|mom)|sold_out|sorry|bon_voyage|no_more)\b)
      (?=.*_(?:on|in)_)(?P<rest24>)
    | (?<=\w_)(?<!man_)(?<!person_)(?<!girl_)(?<!boy_)(?<!lady_)(?<!people_)(?<!child_)(?<!guy_)
      (?<!kid_)(?<!someone_)(?<!monk_)(?<!nun_)(?<!priest_)(?<!family_)(?<!couple_)
      (?P<cue25>saying_)(?!(?:goodbye|hello|hi|grace|prayers?|cheese|thanks|thank|sorry|farewell
      |mass|their|his|her|yes|no|bye)\b)(?=\w|")(?P<rest25>)
    | \bplates?:?_(?P<cue26>(?-i:[A-Z]{1,3}_?\d+[A-Z\d]*(?:_[A-Z\d]{2,4})?)(?!\w))
    | \b(?P<cue27>(?:sku|isbn|s/n|imei|vin|docket|awb|po|item_no)(?:_number|_no)?\.?:?_
      (?=[\w-]*\d)[\w-]+)
    | \b(?P<cue28>(?:displaying|showing|marked|labelled|numbered|signed)_(?:route|number|line
      |platform|bay|gate|room|no\.?)_\w*\d\w*)
    | \b(?:tags?|prices?|priced|tickets?|offers?)_(?P<cue29>(?:under|over|below|above|of|at)_
      \d[\d.,]*_?(?:euros?|dollars?|pounds?|quid|bucks|pence|cents|rupees|[ck]))
"""
STATED = r"""
    # a number on a thing: "with route 43 on the front", "marked 14", "a clock, 03:17", "row F"
    \b(?P<cue30>(?:with|on)_(?:route|number|no\.?|line|bus)_\d+\w*)
    | \b(?P<cue31>(?:has|have|with)_(?:the_)?(?:number_)?\d+[a-z]?_on_(?:it|them|its?|the_(?:front
      |back|side|door)))
    | \b(?P<cue32>(?:marked|numbered|labell?ed|stencilled|tagged)_(?:no\.?_|number_|unit_)?\d+\w*)
    | \bclock\b(?:_\w+){0,6}?,?_(?P<cue33>(?:at_)?(?:\d{1,2}[:.]\d\d
      |(?:quarter|half|ten|five|twenty)_(?:past|to)_\w+|\w+_o'clock|noon|midnight))
    | \bscoreboards?,?_(?P<cue34>\d+[-:]\d+) | \b(?P<cue35>\d{2,3}_over_\d{2,3})\b
    | \b(?P<cue36>(?:row|seat|gate|platform|section|aisle)_(?-i:[A-Z]\d*)(?![\w'-]))
    | \b(?P<cue37>(?:giving|gives|reads)_-?\d[\d.,]*)
    | \b(?:hazard|warning)_(?:placard|plate|label)s?_(?P<cue38>(?-i:[A-Z\d][\w ]*))
    | \b(?P<cue39>total(?:l?ing|s)?_(?:over|under|above|below|more_than|less_than)_[£$€]?\d\S*)
    # words on a thing: "iced with Congratulations", "bearing the name of", "'sorry' scratched into"
    | \b(?P<cue40>(?:iced|decorated|piped|lettered|embroidered|inscribed|engraved|sprayed|daubed
      |tattooed)_with_(?=(?-i:[A-Z])|congrat|happy|merry|welcome|sorry|"))(?P<rest40>)
    | \b(?P<cue41>bear(?:s|ing)_the_(?:names?|initials|title)_of)(?P<rest41>)
    | \b(?P<cue43>words?_\w+_(?:appears?|occurs?|is_visible))
    | \b(?P<cue44>cover_?line|strapline|tagline)\b
    | \b(?P<cue45>(?:date|name|number|year|price)s?_(?:stamped|printed|written|carved|engraved
      |painted)_(?:on|in|across))
    | \b(?P<cue46>(?:one|it|another)_says_)(?P<rest46>)
    | \b(?:posts?|markers?|arrows?)_(?P<cue47>pointing_to(?:wards)?_(?=(?-i:[A-Z])))(?P<rest47>)
    | \b(?:books?|novels?|paperbacks?|cds?|albums?|records?|dvds?)_(?P<cue48>(?:by|called)_(?=
      (?-i:[A-Z])))(?P<rest48>)
    | \b(?:parcels?|letters?|packages?|mail|envelopes?)_(?P<cue49>for_(?:flat|number|apartment|room
      |no\.?)_\w+)
    | \b(?P<cue50>(?:made_out|prescribed)_(?:for|to)_)(?P<rest50>)
    # what must be read to know: "which company is named", "the highest score on the leaderboard"
    | ^(?:please_)?(?P<cue51>read_(?:out_)?(?:the|this|that|his|her|what|off)\b)
      (?!_(?:books?|newspapers?|news|stor\w+)\b)
    | \b(?P<cue52>wh(?:ich|at)_(?:\w+_){1,2}(?:is|are|was|were)_(?:named|printed|written|listed
      |mentioned|credited|quoted|advertised)\b)
    | \b(?P<cue53>whose_(?:expiry|destination|score|reading|registration|plate|label|sign|screen
      |display)_(?:date_|plate_)?(?:is|reads|says|starts|begins|ends|shows)\b)(?P<rest53>)
    | \b(?P<cue54>(?:highest|lowest|biggest|winning|higher|lower|bigger|smaller|best)_(?:score
      |number|price|bid|total|reading|mark|grade)s?)\b
    | \b(?P<cue55>(?:cheapest|dearest|priciest|most_expensive|first|last)_(?:item|dish|thing|wine
      |starter|line|word|name|entry)_(?:on|in)_the_(?:menu|list|board|page|receipt|bill))
    | \b(?P<cue56>(?:names?|titles?|authors?|brands?)_of_(?:the|this|that|his|her|each|every)_)
      (?!(?:father|rose|game|people)\b)
    | \b(?P<cue57>what(?:'s|_is|s)?_(?:the_)?time\b(?=.*_(?:on|by|is|does|clock)))
    | \b(?P<cue58>how_much_(?:is|are|does|do|was)_)
    # "30 mph sign", "1923 carved over the door", "EXIT in green letters"
    | \b(?P<cue59>\d{1,3}_(?:mph_|km/h_|kph_)(?:speed_)?(?:limit_)?signs?)\b
    | \b(?P<cue60>speed_limit_(?:of_)?\d+)
    | \b(?P<cue61>\d{4}_(?:carved|engraved|painted|written|stamped|printed|chiselled))\b
    | \b(?P<cue64>(?:il)?legible|(?:un)?readable)\b
    | \b(?P<cue65>(?:meter|gas|electricity)_reading)\b
    | \b(?P<cue66>recipes?_(?:cards?_)?for_)(?P<rest66>) | \b(?P<cue67>opening_(?:hours|times))\b
    | \b(?P<cue68>prices?_of_(?:the|a|an)_) | \b(?:notes?|messages?|quotes?|poems?|lyrics)_
      (?P<cue69>(?:from|by|about)_)(?P<rest69>)
    | ^(?P<cue63>(?:please_)?(?:translate|transcribe|decipher)_)
"""
MARKS = r"""
    # "'sorry' scratched into the paint", "EXIT in green letters"
    (?P<cue42>["'][^"']+["']_(?:scratched|written|sprayed|painted|carved|scrawled|spel(?:led|t)
      |printed|stencilled|chalked|traced|etched|embroidered)\b)
    | (?-i:(?<![A-Z]))(?P<cue62>(?-i:[A-Z]{3,20}(?![A-Z]))(?:_\w+){0,4}?_in_
      (?:\w+_){0,2}(?:letters|lights|neon|capitals
      |chalk|icing))\b
"""
