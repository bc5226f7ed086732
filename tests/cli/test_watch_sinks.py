"""Where ``edgeclip watch`` sends events: a timeline, a server, a broker."""

from __future__ import annotations

import shutil

import pytest

from edgeclip.index.index import Index
from edgeclip.watch.sinks import timeline as timelines
from tests.cli.films import folder_of, pack_of, rules_told
from tests.patience import until
from tests.watch.sinks.broker import Broker, Listener
from tests.watch.sinks.receiver import Receiver


class TestTimeline:
    options = ("--timeline", "door.timeline", "--state", "kept", "--camera", "door")

    def test_it_is_searched(self, cli, door, film, here):
        assert cli("watch", "film", "--rules", door, *self.options).code == 0
        found = cli("search", "a red van", "--index", "door.timeline", "--json", "--since", "1h")
        assert found.code == 0, found.err
        (query,) = found.json["queries"]
        events = [m for m in query["matches"] if m["metadata"].get("rule") == "red"]
        assert len(events) == 1 and events[0]["metadata"]["duration_s"] == 6.0
        assert (here / "door.timeline" / "pictures" / events[0]["key"]).is_file()
        # The first frame, and the first red one, were new as well.
        assert len(query["matches"]) > 1

    def test_privacy_keeps_vectors_and_no_picture(self, cli, door, film, here):
        assert cli("watch", "film", "--rules", door, *self.options, "--no-pictures").code == 0
        with Index.open(here / "door.timeline", read_only=True) as index:
            assert any(index.get(key).metadata.get("rule") == "red" for key in index)
        assert not list(here.glob("door.timeline/**/*.jpg"))

    def test_a_restart_makes_nothing_older(self, cli, door, film, here):
        """Ages are counted on the clock that the camera's state keeps, once."""
        for begin in (20, 40, 60, 80):
            shutil.rmtree(film)
            folder_of(film, 20, red={*range(begin + 5, begin + 12)}, begin=begin)
            assert cli("watch", "film", "--rules", door, *self.options).code == 0
        with Index.open(here / "door.timeline", read_only=True) as index:
            found = [index.get(key).metadata for key in index]
        steady = sorted(m[timelines.STEADY] for m in found if m.get("rule") == "red")
        # Each run is of 20 s, and what passes between two of them.
        assert len(steady) == 4 and steady[-1] < 4 * 20 + 20

    def test_it_is_bounded(self, cli, door, here):
        folder_of(here / "film", 300, red=[s for s in range(300) if s % 60 > 50])
        kept = {}
        for name, *bound in (("all",), ("few", "--keep-mb", "0.004")):
            options = ("--timeline", name, *bound, "--state", name + ".state")
            assert cli("watch", "film", "--rules", door, *options).code == 0
            kept[name] = sum(each.stat().st_size for each in (here / name).rglob("*.jpg"))
        assert 0 < kept["few"] <= 4000 < kept["all"]

    def test_what_is_new(self, cli, film, here, model):
        rules = pack_of(here / "new.pack", model, threshold=0.9, novelty=True)
        done = cli("watch", "film", "--rules", rules, *self.options, "--json")
        assert done.code == 0, done.err
        assert {line["rule"] for line in done.lines} == {"red", "blue"}


class TestWebhook:
    @pytest.fixture
    def server(self):
        server = Receiver()
        yield server
        server.stop()

    def watched(self, cli, door, server, *more):
        url = server.url.replace("//", "//me:hunter2@")
        options = ("--webhook", url, "--state", "kept", "--log", "log", "--json", *more)
        return cli("watch", "film", "--rules", door, *options)

    def test_a_server_gets_what_is_told(self, cli, door, film, server):
        done = self.watched(cli, door, server)
        assert done.code == 0 and rules_told(done.err) == ["red", "blue"]
        assert [{k: v for k, v in got.items() if k != "picture"} for got in server.got] == (
            done.lines
        )
        assert all(got["picture"] for got in server.got)
        assert server.seen[0][2]["Authorization"].startswith("Basic ")

    def test_privacy_sends_no_picture(self, cli, door, film, server):
        self.watched(cli, door, server, "--no-pictures")
        assert len(server.got) == 2 and not any("picture" in got for got in server.got)

    def test_what_a_server_has_not_got_it_gets_from_the_next_run(
        self, cli, door, film, server, here
    ):
        server.answers.extend([500] * 50)
        done = self.watched(cli, door, server)
        assert done.code == 0 and server.got == []
        assert (
            "edgeclip: the webhook has not got 2 messages. The next watch of this cam" in done.err
        )
        assert "is kept in kept/film.webhook." in done.err
        server.answers.clear()
        again = self.watched(cli, door, server)
        assert [got["id"] for got in server.got] == [e["id"] for e in done.lines + again.lines]
        told = done.err + again.err + (here / "log").read_text()
        names = " ".join(str(path) for path in here.rglob("*"))
        assert not {"hunter2", "secret-token"} & {
            w for w in ("hunter2", "secret-token") if w in told
        }
        assert "hunter2" not in names and "secret-token" not in names

    def test_it_needs_a_place_to_keep(self, cli, door, film, server):
        done = cli("watch", "film", "--rules", door, "--webhook", server.url)
        assert done.code == 1 and "Give --state" in done.line


class TestMqtt:
    def test_home_assistant_is_told(self, cli, here, model):
        rules = pack_of(here / "door.pack", model, threshold=0.5)
        folder_of(here / "film")
        broker = Broker(here)
        listener = Listener(broker)
        try:
            options = ("--mqtt", broker.url, "--camera", "door", "--json")
            done = cli("watch", "film", "--rules", rules, *options)
            assert done.code == 0 and rules_told(done.err) == ["red", "blue"], done.err
            until(lambda: len(listener.events()) == 2)
            assert listener.events() == done.lines
            assert listener.texts("edgeclip/door/availability")[-1] == "offline"
            assert any(topic.startswith("homeassistant/") for topic, _ in listener.told)
        finally:
            listener.close()
            broker.kill()

    def test_what_a_broker_has_not_got_is_told_at_the_end(self, cli, here, model):
        rules = pack_of(here / "door.pack", model, threshold=0.5)
        folder_of(here / "film")
        broker = Broker(here)
        broker.kill()
        done = cli("watch", "film", "--rules", rules, "--mqtt", broker.url)
        assert done.code == 0
        assert "edgeclip: the broker has not got 2 messages, which are lost." in done.err

    def test_the_password_comes_from_the_environment(self, cli, here, model, monkeypatch):
        rules = pack_of(here / "door.pack", model, threshold=0.5)
        folder_of(here / "film")
        broker = Broker(here, ("me", "hunter2"))
        listener = Listener(broker, ("me", "hunter2"))
        try:
            monkeypatch.setenv("EDGECLIP_MQTT_PASSWORD", "hunter2")
            url = broker.url.replace("//", "//me@")
            done = cli("watch", "film", "--rules", rules, "--mqtt", url, "--camera", "door")
            assert done.code == 0 and "hunter2" not in done.out + done.err
            until(lambda: len(listener.events()) == 2)
        finally:
            listener.close()
            broker.kill()
