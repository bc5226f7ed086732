import json
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from edgeclip.errors import EdgeclipError, ExtraMissing
from edgeclip.watch.sinks import mqtt
from edgeclip.watch.sinks.mqtt import PASSWORD, Mqtt
from tests.patience import until
from tests.watch.sinks.broker import Broker, Listener
from tests.watch.sinks.some import event, left_open

RULES = ["person", "red van"]
CONFIG = "homeassistant/binary_sensor/edgeclip_door/person/config"


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(mqtt, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(mqtt, "_MOST_WAIT_S", 0.1)


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def listen(broker):
    made = []

    def start():
        made.append(Listener(broker))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def sink(broker):
    made = []

    def make(url=None, **options):
        given = {"camera": "door", "rules": RULES} | options
        made.append(Mqtt(url or broker.url, **given))
        return made[-1]

    yield make
    for each in made:
        each.close(0.2)


def settled(sink):
    until(lambda: not (sink.notes or sink._due or sink._events))


def test_home_assistant_finds_the_rules_and_their_states(sink, listen):
    made = sink()
    made.phase("person", "learning")
    settled(made)
    late = listen()
    until(lambda: len(late.kept) == 10)
    config = json.loads(late.kept[CONFIG])
    assert late.kept[config["availability_topic"]] == b"online"
    assert late.kept[config["state_topic"]] == b"OFF"
    assert late.kept["edgeclip/door/person/phase"] == b"learning"
    configs = {topic.split("/")[1] for topic in late.kept if topic.endswith("/config")}
    assert configs == {"binary_sensor", "sensor", "image"}


def test_an_event_from_start_to_end(sink, listen):
    listener, made = listen(), sink()
    settled(made)
    made(event(1, "started"))
    settled(made)
    made(event(1))
    settled(made)
    until(lambda: len(listener.events()) == 2)
    assert listener.events() == [event(1, "started").record(), event(1).record()]
    assert listener.texts("edgeclip/door/person/state") == ["OFF", "ON", "OFF"]
    assert json.loads(listener.texts("edgeclip/door/person/event")[-1]) == event(1).record()
    (jpeg,) = {p for t, p in listener.told if t == "edgeclip/door/person/picture"}
    assert Image.open(BytesIO(jpeg)).size == (32, 24)
    assert listener.texts("edgeclip/door/red_van/state") == ["OFF"]
    assert "edgeclip/door/events" not in listener.kept


def test_no_picture_leaves_the_house_in_privacy(sink, listen):
    listener, made = listen(), sink(pictures=False)
    made(event(1))
    settled(made)
    until(lambda: listener.events())
    assert not any("picture" in topic for topic, _ in listener.told)


def test_an_event_of_an_unknown_rule_is_told_all_the_same(sink, listen):
    listener, made = listen(), sink()
    made(event(1, rule="bird"))
    until(lambda: listener.events())
    assert listener.events()[0]["rule"] == "bird"
    with pytest.raises(KeyError):
        made.phase("bird", "learning")
    with pytest.raises(ValueError, match="must be one of"):
        made.phase("person", "sleeping")


def test_a_broker_that_dies_and_comes_back_gets_every_event_in_order(sink, broker, listen):
    made = sink()
    before = listen()
    made(event(1))
    settled(made)
    until(lambda: len(before.events()) == 1)
    before.close()
    broker.kill()
    until(lambda: made.notes)
    for number in range(2, 8):
        made(event(number, "started"))
        made(event(number))
    (note,) = made.notes
    assert note.startswith(f"{broker.url}: ") and note.endswith(" Events wait in memory.")
    with made._changed:  # it waits until there is a listener
        broker.start()
        after = listen()
    settled(made)
    until(lambda: len({(each["id"], each["state"]) for each in after.events()}) == 12)
    seen = [(each["id"][-1], each["state"]) for each in after.events()]
    wanted = [(str(number), state) for number in range(2, 8) for state in ("started", "ended")]
    assert list(dict.fromkeys(seen)) == wanted
    # This broker remembers nothing: what is retained was told again.
    late = listen()
    until(lambda: CONFIG in late.kept and "edgeclip/door/red_van/state" in late.kept)
    assert late.kept["edgeclip/door/person/state"] == b"OFF"
    assert json.loads(late.kept["edgeclip/door/person/event"])["id"].endswith("7")


def test_many_kills_in_the_middle_of_many_events(sink, broker, listen):
    """Whatever was on its way: nothing is missing, and nothing passes what came before it."""
    made, heard = sink(), []
    listener = listen()
    for turn in range(3):
        for number in range(20 * turn, 20 * turn + 20):
            made(event(number))
        until(lambda listener=listener: len(listener.events()) >= 5)
        broker.kill()
        listener.close()
        heard += listener.events()
        with made._changed:
            broker.start()
            listener = listen()
    settled(made)
    heard += listener.events()
    numbers = [int(each["id"][-6:]) for each in heard]
    # The broker dies with what it has taken and not yet passed on.
    assert list(dict.fromkeys(numbers)) == sorted(set(numbers)) and len(set(numbers)) >= 50


def test_a_broker_that_is_not_there_yet_is_waited_for(sink, broker, listen):
    broker.kill()
    made = sink()
    made(event(1))
    until(lambda: "cannot be reached" in "".join(made.notes))
    with made._changed:
        broker.start()
        listener = listen()
    settled(made)
    until(lambda: listener.events())


def test_too_many_events_cost_the_oldest(sink, broker, monkeypatch, listen):
    monkeypatch.setattr(mqtt, "_MOST_EVENTS", 3)
    broker.kill()
    made = sink()
    for number in range(5):
        made(event(number))
    assert made.notes[-1] == f"{broker.url}: events were dropped, as too many waited."
    assert made.dropped == 2
    with made._changed:
        broker.start()
        listener = listen()
    until(lambda: len(listener.events()) == 3)
    assert [each["id"][-1] for each in listener.events()] == ["2", "3", "4"]


KILLED = """
import os, sys, time
from edgeclip.watch.sinks.mqtt import Mqtt
sink = Mqtt(sys.argv[1], camera="door", rules=["person"])
while sink.notes or sink._due: time.sleep(0.01)
os.kill(os.getpid(), 9)
"""


def test_a_killed_watcher_is_offline_and_so_is_one_that_ends(sink, broker, listen):
    listener = listen()
    subprocess.run([sys.executable, "-c", KILLED, broker.url], check=False)
    until(lambda: listener.texts("edgeclip/door/availability") == ["online", "offline"])
    made = sink()
    settled(made)
    made.close()
    until(lambda: len(listener.texts("edgeclip/door/availability")) == 4)
    assert listener.texts("edgeclip/door/availability")[2:] == ["online", "offline"]


def test_nothing_is_left_open(broker):
    def use():
        made = Mqtt(broker.url, camera="door", rules=RULES)
        settled(made)
        made.close()
        made.close()

    left_open(use)


def test_a_rule_that_is_no_more_is_taken_back(sink, listen):
    old = sink(rules=["person", "bird"])
    settled(old)
    old.close()
    made = sink(rules=["person"])
    settled(made)

    def only_persons():
        late = listen()
        until(lambda: CONFIG in late.kept)
        configs = [topic for topic in late.kept if topic.endswith("/config")]
        return not any("bird" in topic for topic in configs)

    until(only_persons)


@pytest.mark.parametrize("given", ["url", "variable", "file"])
def test_a_password_comes_from_three_places(tmp_path, monkeypatch, given):
    login = ("cam", "s3 cret")
    broker = Broker(tmp_path, login)
    url = f"mqtt://cam@127.0.0.1:{broker.port}"
    if given == "url":
        url = f"mqtt://cam:s3%20cret@127.0.0.1:{broker.port}"
    elif given == "variable":
        monkeypatch.setenv(PASSWORD, login[1])
    else:
        (tmp_path / "secret").write_text(login[1] + "\n")
        monkeypatch.setenv(f"{PASSWORD}_FILE", str(tmp_path / "secret"))
    made = Mqtt(url, camera="door", rules=RULES)
    try:
        settled(made)
        assert "s3" not in repr(made)
    finally:
        made.close()
        broker.kill()


def test_a_wrong_password_is_said_and_no_secret_shown(tmp_path, monkeypatch):
    broker = Broker(tmp_path, ("cam", "right"))
    monkeypatch.setenv(PASSWORD, "wrong")
    made = Mqtt(f"mqtt://cam@127.0.0.1:{broker.port}", camera="door", rules=RULES)
    try:
        until(lambda: "refuses" in "".join(made.notes))
        assert f"Check user and {PASSWORD}" in made.notes[0] and "wrong" not in made.notes[0]
    finally:
        made.close()
        broker.kill()


@pytest.mark.parametrize(
    "url",
    ["", "door", "http://a", "mqtt://", "mqtt://a b", "mqtt://a:0x1", "mqtt://a/b", "mqtt://a?b"],
)
def test_a_url_that_is_none(url):
    with pytest.raises(EdgeclipError, match="URL is none"):
        Mqtt(url, camera="door", rules=RULES)


def test_a_prefix_with_wildcards_is_refused():
    with pytest.raises(EdgeclipError, match="no prefix of topics"):
        Mqtt("mqtt://127.0.0.1", camera="door", rules=RULES, discovery_prefix="a/#")


def test_a_password_file_that_is_missing(monkeypatch):
    monkeypatch.setenv(f"{PASSWORD}_FILE", "/nowhere/secret")
    with pytest.raises(EdgeclipError, match="_FILE names cannot be read"):
        Mqtt("mqtt://cam@127.0.0.1", camera="door", rules=RULES)


def test_without_paho_the_door_explains_itself(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'edgeclip\[mqtt\]'"):
        Mqtt("mqtt://127.0.0.1", camera="door", rules=RULES)
