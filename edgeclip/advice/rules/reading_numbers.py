"""What tells that numbers must be read: of jerseys and plates, on dials, prices and dates.

Written as in `edgeclip.advice.rules.reading_patterns`.
"""

from __future__ import annotations

from edgeclip.advice.lists import alternatives

CAPITALS = (  # a word in capitals that is no usual abbreviation
    rf"(?-i:(?!(?:{alternatives('reading-abbreviations')})\b)[A-Z]{{2,}}[A-Z\d.!?&'-]*\b)"
)
_NUMBER = (
    r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen"
    r"|fifteen|sixteen|seventeen|eighteen|nineteen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
    r"(?:[_-](?:one|two|three|four|five|six|seven|eight|nine))?|(?:a_)?hundred)"
)
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
)
_NUMBERED_THING = (  # what wears or bears a number
    r"jerseys?|shirts?|bibs?|vest|kit|player|runner|rider|driver|striker|racer|bus|tram"
    r"|train|car|race_car|racing_car|horse|locomotive|engine|boat|door|house|room|gate"
    r"|platform|lane|locker|table|ball|cap|greyhound|lorry|truck|flight|loco|helmet|bike"
    r"|motorbike|taxi|buoy"
)

NUMBERED = rf"""
    # numbers of their own: jerseys, houses, buses, pages
    \b(?:page|row|seat|aisle|chapter|volume|bay|pitch|apartment|suite|checkout|desk|bin|bus_stop
      |stop|issue|exit|junction|line|track|terminal|hole|booth|berth|hangar|stall)_
      (?P<cue>(?:number_)?(?-i:[A-Z]?\d+[A-Z]?))\b(?!_(?:people|cars|diner))
    | (?P<cue17>\bnumbered_(?:\d|from_\d))
    | \b(?:digits|numbers?|letters|barcode|plates?|code)_(?P<cue18>(?:ending|starting
      |beginning)_(?:in_|with_)?)(?P<rest2>)
    | \b(?:jersey|shirt|bib|room|gate|locker|platform|stand|pump|berth|tram|bus|coach|lane
      |car_number|runner|rider)_(?P<cue2>(?-i:[A-Z]?\d+[A-Z]?))\b
    | \b(?:house|door|room|jersey|shirt|bib|bus|flat|apartment|street|plot|stall|locker|cabin|cell
      |ward|squad|back|race|start|phone|flight|serial|coach|buoy|pool_ball|ball|mile|kilometre
      |kilometer|tee|boat|sail|lifeguard_post|horse|saddle)(?:_with)?(?:_the)?_
      (?P<cue3>(?:number_|no\.?_?(?=\d))(?:{_NUMBER}|[A-Z]{{1,3}}\d+))\b
    | (?P<cue4>\b(?:number_|no\.?_?(?=\d)){_NUMBER}\b)(?:,?_(?:on|\w+_on)\b
      |_(?:\w+_)?(?:{_NUMBERED_THING})\b)
    | \b(?:player|runner|rider|driver|striker|racer|car|horse|locomotive|boat|greyhound|lorry|truck
      |helmet|bike|motorbike|taxi|train|tram|swimmer|cyclist|defender|goalkeeper|athlete|wearing)_
      (?P<cue5>(?:(?:wearing|with|bearing|in)_)?(?:the_)?(?:number_|no\.?_?(?=\d)){_NUMBER})\b
    | (?<!item_)(?P<cue6>\bnumber_\d+)\b(?!_(?:pencil|downing|fan|in\b|of\b))
    | (?P<cue7>\bthe_numbers?_(?={_NUMBER}\b)(?!one\b)(?:\d+_?)+)
    | \b(?P<cue8>(?:the_)?\d+[a-z]?_(?=bus_to\b|tram_to\b)|(?:bus|tram)_(?:number_)?\d+\b)
    # codes: of containers, wagons, errors
    | \b(?:container|wagon|tail|hull|serial|registration|flight|model|order|tracking|part
      |account|invoice|reference|error(?:_code)?|code|unit|asset|ear_tag|tag)
      (?:_number|_no\.?|_code)?_(?P<cue9>(?-i:(?:[A-Z]{{1,5}}[_-]?)?(?=\w*\d)[\dA-Z][\dA-Zx]*
      (?:[_-][\dA-Z]+)*))\b(?!_(?:cars?|people))
    | (?P<cue10>\berror_(?:code_)?(?:0x)?[\dA-F]{{3,}}\b)
    | (?P<cue11>\b(?:serial|phone|telephone|account|tracking|reference|flight|model|registration
      |card|container|chassis|booking|passport|credit_card|vin|order|invoice)_number\b)
    | (?P<cue12>\b(?:the|my|his|her|our|wifi|wi-fi|whose|a|with)_(?:\w+_)?passwords?\b)(?!_manager)
    # number plates
    | \b(?:(?:licen[cs]e|number|registration|reg|car|index|vanity|rego)_plates?|(?:car_)?reg(?:o
      |istration)?)(?:_?
      (?P<cue14>(?:number_|that_|which_|with_|of_|whose_\w+_)?(?:ending|beginning|starting
      |containing|ends|begins
      |starts|including|is|reading|says|saying|matching)\b)(?P<rest>)
      |:?_(?P<cue15>(?-i:(?=[A-Z\d\ -]*\d)[A-Z\d]+(?:[_-][A-Z\d]+)*)
      |(?=[a-z\ ]*\d)[a-z]{{1,3}}\d[\w\ ]*)
      |:?_(?P<cue16>(?-i:[A-Z]{{2,8}}))\b)
"""
DIALS = rf"""
    # a clock at a time
    \b(?:clock|clocks|watch|wristwatch|stopwatch|timer|time|alarm|display|hands|sundial
      |watches)\b(?:_\w+){{0,3}}_
      (?P<cue>(?:showing|shows|set_(?:to|at|for)|at|reading|reads|stopped_at|says|pointing_(?:to|at)
      |on|striking|stuck_(?:on|at)|frozen_at)_(?:exactly_|nearly_|almost_|about_
      |just_\w+_)?(?P<read>
        \d{{1,2}}[:.]\d{{2}} | \d{{1,2}}_?(?:am|pm|o'clock)
        | (?:quarter|half|ten|five|twenty|a_quarter)(?:_minutes)?_(?:past|to)_\w+ | half_(?:one
        |two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b | noon | midnight
        | \w+_(?:o'clock|thirty|fifteen|forty-five)))
    # a dial at a number
    | \b(?:thermometer|thermostat|speedometer|odometer|scales?|gauge|meter|needle|speedo|dial|radar
      |display|altimeter|barometer|ruler|voltmeter|counter|calculator|pump|oven|stopwatch|countdown
      |scoreboard|timer|elevator|lift|score|board|tachometer|compass|battery|dice|die
      |dartboard|tape_measure|protractor|abacus|readout|screen|fitbit|treadmill|microwave|phone)\b
      (?:_\w+){{0,3}}_(?P<cue2>(?:showing|shows|reading|reads|at|on|above|below|flashing|indicating
      |stuck_at|displaying|set_to|past|says|with(?=_\d)|saying|over|under|hitting|reaching
      |registering)_
      (?:a_|an_|the_|exactly_|about_|nearly_)?(?:\w+_)?(?:minus_|zero|-)?
      (?:(?P<read2>{_NUMBER})\b|empty\b|full\b|zero\b|(?:score|total)\b)\S*)
    | \b(?:scoreboard|thermometer|speedometer|odometer|digital_clock|clock_face|wall_clock
      |alarm_clock|station_clock|stopwatch|fuel_gauge|price_tag|jersey|speed_limit_sign|speed_limit
      |weighing_scale|kitchen_scales?|mileometer|departure_board|lottery_ticket)\b
      (?P<cue3>[^,;]{{0,25}}?\d[\d:.,-]*)
    | (?P<cue6>\b(?:speedo|speedometer|odometer|rev_counter|temperature_gauge)_(?:past|over|under
      |above|below|at|near)_\S+)
    | (?P<cue4>\b(?:phone|battery|tablet|laptop|charge)\b[^,;]{{0,20}}?\d+_?(?:%|percent|per_cent))
    | (?P<cue5>\bscore(?:_is|_of|_at|:)?_\d+(?:_?[-:]_?|_to_|_all\b)\d*)
"""
SUMS = rf"""
    # prices and totals
    (?P<cue2>\b(?:total(?:ling|s)?|(?:amount|balance|sum|fee|fare|rent|tip|payment)(?:_due|_owed
      |_paid)?)_(?:is_|of_|due_)?[£$€]?\d[\d.,]*)
    | (?P<cue13>\b(?:price|price_tag|sticker_price|fare|bill|rent)_(?:under|over|below|above
      |(?:lower|higher|more|less)_than)_\w+)
    | (?P<cue3>\b(?:with|showing|for|of)_(?:a_|an_|the_)?(?:total|score|price|sum|balance|amount
      |scoreline)(?:_\w+)?_(?:of|at|over|under)?\b_?\S*)
    | \b(?:price_tags?|price|total|receipt|invoice|bill|ticket|odometer|tag)_(?P<cue4>(?:of|for|at
      |saying|over|under|showing)_(?:about_|over_)?[$£€¥]?\d[\d.,]*\S*)
    | (?P<cue5>\b(?:cost(?:s|ing)|priced_at|on_sale_for|sold_for|selling_for)_(?:about_|only_
      |less_than_
      |more_than_|under_|over_)?(?:[a-z]+_(?:\w+_)?(?:euros?|pounds?|dollars?|pence|cents?|quid)\b
      |\d[\d.,]*))
    | (?P<cue6>\b\d+_?(?:%|percent|per_cent)_(?:off|discount|reduction)\b)
    # dates
    | (?P<cue7>\b(?:expiry|expiration|best-before|best_before|use-by|use_by|sell-by|due|issue
      |publication|postmark)_dates?\b(?:_of)?)
    | \b(?:coins?|stamps?|banknotes?|medals?|gravestones?|headstones?|tombstones?|newspapers?
      |calendars?|postcards?|wine_labels?|licence|license|diary|plaques?|foundation_stone|letter)_
      (?P<cue8>(?:from|of|for|dated|minted_in|printed_in|marked|published_in)_(?:\w+_)?\d{{4}})\b
    | \b(?:calendar|diary|planner)_(?P<cue9>(?:showing|open(?:ed)?_(?:at|on|to)|turned_to|set_to|for
      |with|on|at|page_for)_(?:the_month_of_|the_page_for_)?(?:{_MONTH}\b|the_\d|\d|next|the_date))
    | \b(?P<cue10>(?:expir(?:es|ing|ed)|best_before|valid_until|valid_till|valid_from)_
      (?:in_|on_)?(?:\d|{_MONTH}\b))
    # marks at school
    | (?P<cue11>\b(?:graded|marked|scored|awarded)_(?:an?_)?(?-i:[A-F][+-]?(?!\w)|\d+(?:%|/\d+
      |_out_of)))
    | (?P<cue12>\b(?:exam|essay|test|homework|paper|report_card)\b.{{0,25}}?\b(?:with|got|at
      |of)_(?:an?_)?
      (?-i:[A-F][+-]?(?!\w)|\d+(?:_?%|/\d+|_out_of)))
"""
SIGNS = rf"""
    # "£4.99", "#7 on the back"
    (?P<cue>(?:\b(?:cost(?:s|ing)?|priced_at|for|of|at|saying|under|over)_)?
      [£$€]\s?\d[\d.,]*)(?!_?(?:notes?|bills?|coins?|banknotes?|\d|million|billion|store|shop))
    | (?P<cue2>\#_?\d+)(?=$|,?_(?:on|\w+_on)\b|_(?:\w+_)?(?:{_NUMBERED_THING})\b)
    | (?P<cue5>(?<!\w)["'][^"']{{2,40}}["']_(?:on_\w+_)?(?:notices?|signs?|stickers?|banners?
      |labels?|tattoos?
      |mugs?|posters?|placards?|graffiti|t-shirts?|shirts?|caps?|hats?|badges?|cards?|cakes?
      |plaques?|headlines?
      |balloons?|bumper_stickers?|written|painted|printed|spray-painted|scrawled|carved|engraved
      |lettering)\b)
    | (?P<cue6>(?-i:(?!(?:STOP|EXIT|SALE|OPEN|NO)\b){CAPITALS}(?:_[A-Z]{{2,}}){{1,5}}(?=_(?:on_
      |above_)?[a-z]*_?(?:notice|sign|sticker
      |label|banner|poster|placard|graffiti|tape|plaque|written|painted|printed))))
    | (?P<cue7>(?-i:{CAPITALS})_(?:written|painted|printed|sprayed|scrawled|spelled|carved
      |embroidered|in_big|in_huge)\b)
    | (?P<cue4>(?-i:\b[A-Z]{{2}}\d{{2}}_?[A-Z]{{3}}\b|\b[A-Z]-[A-Z]{{4}}\b))
    | \b(?:{_NUMBERED_THING})_(?P<cue3>(?:(?:wearing|with|bearing|in)_)?\#_?\d+)\b
"""
