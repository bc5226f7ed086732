from datetime import datetime, timedelta

import numpy as np
import pytest

from edgeclip.watch.sinks.timeline import Timeline
from tests.watch.sinks.some import event, picture_of

TODAY = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def timeline(here, model, tiny_model):
    """Events at 07:30, 08:30 and 09:30 of today, beside a writer that goes on."""
    made = Timeline(here / "door.timeline", model.space, str(tiny_model))
    for hour, rule in ((7, "van"), (8, "person"), (9, "van")):
        picture = picture_of(hour, (48, 64))
        start = TODAY + timedelta(hours=hour, minutes=30)
        vector = model.embed_image(picture)
        made(event(hour, rule=rule, start=start, picture=picture, vector=vector))
    yield made
    made.close()


def rows(done):
    """Time and key of each line of the table."""
    lines = done.out.splitlines()
    end = lines.index("")
    return {key: f"{day} {time}" for _, day, time, key in map(str.split, lines[2:end])}


def test_a_timeline_is_searched_while_it_is_written(cli, timeline):
    done = cli("search", "a red van", "--index", "door.timeline", "--since", "08:00")
    assert done.code == 0, done.err
    assert done.out.splitlines()[1] == "  score  time                 picture"
    assert rows(done) == {
        f"{TODAY:%Y-%m-%d}/door-person-000008.jpg": f"{TODAY:%Y-%m-%d} 08:30:00",
        f"{TODAY:%Y-%m-%d}/door-van-000009.jpg": f"{TODAY:%Y-%m-%d} 09:30:00",
    }


def test_a_rule_a_span_and_the_pictures_for_programs(cli, timeline):
    options = ("--where", "rule=van", "--until", "09:00", "--json", "--sheet", "s.png")
    done = cli("search", "a red van", "--index", "door.timeline", *options)
    ((match,),) = [query["matches"] for query in done.json["queries"]]
    assert match["key"].endswith("/door-van-000007.jpg") and match["metadata"]["rule"] == "van"
    assert match["file_path"].endswith(f"door.timeline/pictures/{match['key']}")
    assert "wrote s.png" in done.err


def test_a_frame_finds_its_event(cli, timeline, model, here):
    key = list(timeline.index)[1]
    options = ("--index", "door.timeline", "--count", "1", "--json")
    done = cli("search", f"./door.timeline/pictures/{key}", *options)
    (match,) = done.json["queries"][0]["matches"]
    assert match["key"] == key


def test_privacy_shows_times_and_names(cli, here, model, tiny_model):
    vector = model.embed_image(np.zeros((8, 8, 3), np.uint8))
    with_vectors = Timeline(here / "t", model.space, str(tiny_model), pictures=False)
    with_vectors(event(1, vector=vector))
    with_vectors.close()
    done = cli("search", "a red van", "--index", "t")
    assert done.code == 0 and set(rows(done)) == {"2026-05-01/door-person-000001"}


def test_pictures_are_not_mistaken_for_a_folder_to_keep_true_to(cli, timeline):
    timeline.close()
    for folder in ((), ("door.timeline/pictures",)):
        done = cli("index", *folder, "--index", "door.timeline")
        assert done.code == 1 and "is in the index door.timeline" in done.err, done.err


def test_photos_without_a_time_of_their_own_are_shown_without(cli, here):
    from tests.cli.conftest import write_picture

    write_picture(here / "album" / "a.jpg", 1)
    assert cli("index", "album").code == 0
    done = cli("search", "a cat")
    assert done.out.splitlines()[1] == "  score  picture"
