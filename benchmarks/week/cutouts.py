"""Cut-out photographs: which ones, in which half, and how they are read.

They are stamps of Debian's package ``tuxpaint-stamps-default`` (photographs only: its drawings and
cartoons are left out by naming what is taken), or a few photographs of scikit-image's wheel as
cards with soft edges, where the stamps are not installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from edgeclip.model.prompts import Label

STAMPS = Path("/usr/share/tuxpaint/stamps")
Half = Literal["development", "held"]
Pictures = Literal["stamps", "skimage"]


@dataclass(frozen=True, slots=True)
class Cast:
    """Say what may appear: rules with their prompts, and the pictures of each class."""

    rules: tuple[Label, ...]
    """What is watched for, in words."""
    classes: Mapping[str, tuple[str, ...]]
    """Name of a rule → files of which a person would say that it is true."""
    distractors: tuple[tuple[str, ...], ...]
    """Files of which no rule is true, in groups of like things."""
    furniture: tuple[str, ...]
    """Files that may stand in the scene all week."""


def _names(folder: str, names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}.png".lstrip("/") for name in names.split())


# What is of many kinds is said in many words, as a user would: the best of them counts.
_BIRDS = (
    *("a bird", "a hen", "a rooster", "a duck", "a goose", "a swan", "an owl", "an eagle"),
    *("a parrot", "a penguin", "an ostrich", "a heron", "a crow", "a sparrow", "a pigeon"),
    "a gull",
)
_CARS = ("a car", "a truck", "a van", "a bus", "a sports car", "a fire engine")
_MUSHROOMS = ("a mushroom", "a toadstool", "a bolete", "an agaric")
_TOOLS = ("a hand tool", "a hammer", "a saw", "a wrench", "a screwdriver", "pliers")

STAMP_CAST = Cast(
    # Chosen with the development half and the starter model.  Of bears there are but two, so that
    # each half has one.
    rules=(
        Label("bird", _BIRDS, ("a mammal", "a frog", "a pair of binoculars")),
        Label("car", _CARS, ("a tool", "a toy")),
        Label(
            "ball",
            ("a soccer ball", "a football", "a basketball", "a cricket ball", "a tennis ball"),
            ("an orange", "a peach", "an egg"),
        ),
        Label("rodent", ("a rodent", "a rabbit")),
        Label("big cat", ("a lion", "a tiger")),
        Label("bear", ("a brown bear", "a black bear")),
        Label("mushroom", _MUSHROOMS, ("a nut", "a seed", "a shell", "a snail", "a frog")),
        Label("road sign", ("a road sign", "a street sign", "a stop sign", "a traffic sign")),
        Label("frog", ("a frog", "a toad", "a tree frog"), ("a mammal",)),
        Label("horse", ("a horse", "a zebra", "a donkey"), ("a cow", "a camel", "a kangaroo")),
        Label("tool", _TOOLS, ("a tennis racket", "a clothespin", "a guitar")),
    ),
    classes={
        "bird": _names(
            "animals/birds",
            "adelaide-rosella blackbird chicken_profile crow crowned_crane drake duck gander "
            "guineafowl helmeted_guineafowl hen heron_greatblue heron_greatblue_flying lark "
            "little-penguin magellanic_penguin magpie nandou ostrich owl pelican penguin pigeon "
            "pink_flamingo rainbow-lorikeet rooster seagull silver-gull tucan turkey vulture",
        ),
        "car": _names(
            "vehicles",
            "auto/beetle auto/sedan auto/sportscar2 auto/truck emergency/firetruck garbagetruck",
        ),
        "ball": _names(
            "sports",
            "australian_rules_football basketball cricketball football soccer tennis_ball",
        ),
        "rodent": _names(
            "animals/mammals",
            "rabbit_little rodents/beaver rodents/capybara rodents/marmot rodents/mouse "
            "rodents/rabbit rodents/rabbit-2 rodents/rat rodents/squirrel",
        ),
        "big cat": _names("animals/mammals/cats", "lion lion-2 tiger tiger_sumatran"),
        "bear": _names("animals/mammals/bears", "bear european-bear"),
        "mushroom": _names("plants/mushrooms", "cep cep-1 cep-2"),
        "frog": _names("animals/amphibians", "frog frog-1"),
        "horse": _names("animals/mammals/equines", "donkey donkey_eating horse zebra"),
        "tool": _names("household/tools", "hammer measuring_tape paintbrush_large plyers saw"),
        "road sign": _names(
            "town/roadsigns",
            "arrow crossroads dead_end_sign give_way_sign hospital no_entry_sign no_uturn "
            "roundabout school_sign stop t-junction toilets xing_ped xing_school yield",
        ),
    },
    distractors=(
        _names(
            "animals/mammals",
            "apes/chimp apes/gorilla badger bovines/bison bovines/bull bovines/cow "
            "bovines/cow_white bovines/goat bovines/mountaingoat bovines/ram bovines/sheep "
            "bovines/yak bovines/zebu camel/camel camel/dromedary deer/caribou deer/deer deer/doe "
            "deer/wapiti dogs/dingo dogs/dog dogs/fox elephant giraffe hippopotamus pig pig_golden "
            "rhino_black wildboar",
        ),
        _names(
            "animals",
            "insects/Brown_slug insects/Woodlouse insects/mantis lizards/iguana "
            "marsupials/kangaroo marsupials/koala marsupials/wombat "
            "shellfish/abalone shellfish/murray-mussel",
        ),
        _names(
            "plants/flowers",
            "adeenia anemone_red bolsom daffodil flower1 flower2 flower9 iris marigold pigface "
            "rose yellow-flower",
        ),
        _names(
            "food",
            "fruit/Apricot_whole fruit/Cherry_Stella fruit/Strawberry2 fruit/apricot fruit/avocado "
            "fruit/cherimoya fruit/grapes fruit/kiwi fruit/lemon fruit/mandarine "
            "fruit/orange_seville fruit/pineapple fruit/sliced_orange nuts/pecan nuts/walnut "
            "vegetables/broccoli vegetables/corn vegetables/eggplant vegetables/pumpkin_small "
            "vegetables/yam vegetables/yellowpepper",
        ),
        _names("animals/mammals/aquatic", "dolphin orca otter sea_lion whale"),
        _names(
            "animals/fish",
            "bluegroper butterflyfish clownfish coraltrout dolphinfish lionfish lobster moonwrasse "
            "seahorse stripedfish",
        ),
        _names("seasonal/halloween", "grave-a grave-d grave-f grave-g grave-i grave-j"),
        _names(
            "symbols/money",
            "canadian/coins/005nickel canadian/coins/100loonie euro/coins/002 euro/coins/020 "
            "us/coins/001penny us/coins/025quarter",
        ),
        _names(
            "town/roadsigns",
            "railroad_crossing stoplight_01_red stoplight_03_green traffic_cone",
        ),
        _names(
            "space",
            "planets/3_earth planets/4_mars planets/5_jupiter planets/6_saturn planets/8_neptune "
            "moon/moon_full",
        ),
        _names(
            "household",
            "Lightbulb cylinder dishes/pitcher_small dishes/teapot home_compost_bin kettle toilet "
            "tools/cementmixer",
        ),
        _names(
            "hobbies",
            "binoculars camera_35mm music/percussion/drum_tomtom_floor music/string/cello "
            "music/string/guitar2 music/string/guitar_classical music/string/guitar_electric "
            "music/string/violin",
        ),
        _names("sports", "tennis_racket trophy_cup"),
        _names("people", "fireman200b toys/grannysmith"),
        _names("vehicles", "7spoke256 cycle/pink_tricycle flight/balloon360 ship/walnutBoat"),
        _names("seasonal/christmas", "German_Christmas_toy Mince_Pie Roast_turkey"),
        _names("", "clothes/clothespin_new medical/stethoscope"),
    ),
    furniture=(
        *_names("plants", "lavender trees/birch trees/holm_oak trees/liberia-palm trees/tree336"),
        *_names("household", "garbagecan wheelie_bin"),
        *_names("town", "monuments/inukshuk-photo uk_post_box usps_mailbox"),
    ),
)
CARD_CAST = Cast(
    rules=(
        Label("cat", ("a cat",)),
        Label("motorcycle", ("a motorcycle",)),
        Label("coffee", ("a cup of coffee",)),
    ),
    classes={
        "cat": ("chelsea.png",),
        "motorcycle": ("motorcycle_left.png",),
        "coffee": ("coffee.png",),
    },
    distractors=(("astronaut.png",), ("hubble_deep_field.jpg",), ("rocket.jpg",)),
    furniture=(),
)
CASTS: Mapping[Pictures, Cast] = {"stamps": STAMP_CAST, "skimage": CARD_CAST}


def taken(names: Sequence[str], half: Half) -> list[str]:
    """Return one half of a class: sorted by name, taken alternately; all of it where it is one."""
    names = sorted(names)
    return names if len(names) == 1 else names[half == "held" :: 2]


def appearing(cast: Cast, half: Half) -> dict[str, list[str]]:
    """Return the files of one half: by rule, and under the empty name those of no rule."""
    files = {rule: taken(names, half) for rule, names in cast.classes.items()}
    files[""] = [name for group in cast.distractors for name in taken(group, half)]
    return files


def installed() -> bool:
    """Tell whether the stamps are there."""
    return STAMPS.is_dir()


def photographs() -> Path:
    """Return the folder of scikit-image's photographs."""
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the week needs scikit-image: pip install --no-deps scikit-image")
    return Path(spec.submodule_search_locations[0]) / "data"


def read(name: str, pictures: Pictures) -> Image.Image:
    """Return a cut-out as RGBA, without its empty border."""
    if pictures == "skimage":
        return _card(Image.open(photographs() / name).convert("RGB"))
    if not installed():
        raise SystemExit("the week needs its pictures: apt-get install tuxpaint-stamps-default")
    picture = Image.open(STAMPS / name).convert("RGBA")
    return picture.crop(picture.getchannel("A").point(lambda a: 255 * (a > 8)).getbbox())


def _card(photograph: Image.Image, soft: float = 0.06) -> Image.Image:
    """Give a photograph edges that fade over a share ``soft`` of its sides."""
    photograph.thumbnail((400, 400))
    wide, high = (np.arange(n) for n in photograph.size)
    across, down = (np.minimum(n, n[::-1]) / (soft * len(n)) for n in (wide, high))
    alpha = np.clip(np.minimum(across[None], down[:, None]), 0, 1) * 255
    photograph.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return photograph
