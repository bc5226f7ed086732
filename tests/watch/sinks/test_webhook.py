import base64
import json
import subprocess
import sys
import time
from io import BytesIO

import pytest
from PIL import Image

from edgeclip.errors import EdgeclipError
from edgeclip.watch.sinks import webhook
from edgeclip.watch.sinks.spool import REFUSED
from edgeclip.watch.sinks.webhook import Webhook
from tests.patience import PATIENCE_S, PROMPT_S, until
from tests.watch.sinks.receiver import Receiver
from tests.watch.sinks.some import event, left_open


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(webhook, "_FIRST_WAIT_S", 0.02)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hook(tmp_path):
    """Make a webhook for a receiver; all are closed."""
    made = []

    def make(receiver, **options):
        url = receiver if isinstance(receiver, str) else receiver.url
        made.append(Webhook(url, spool=tmp_path / "spool", **options))
        return made[-1]

    yield make
    for each in made:
        each.close(0.1)


@pytest.fixture
def receiver():
    made = []

    def make(*answers, **options):
        made.append(Receiver(*answers, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_events_arrive_in_order_and_say_who_they_are(hook, receiver):
    server = receiver()
    sink = hook(server, headers={"Authorization": "Bearer abc", "x-door": "1"})
    sink(event(1, "started"))
    sink(event(1))
    until(lambda: len(server.got) == 2)
    assert server.got == [event(1, "started").record(), event(1).record()]
    method, path, headers = server.seen[0]
    assert (method, path) == ("POST", "/hook/secret-token")
    assert headers["Content-Type"] == "application/json" and headers["User-Agent"] == "edgeclip"
    assert headers["Authorization"] == "Bearer abc" and headers["X-Door"] == "1"
    keys = [each[2]["Idempotency-Key"] for each in server.seen]
    assert keys == ["door-person-000001-started", "door-person-000001-ended"]
    until(lambda: not len(sink.spool))
    assert sink.notes == []


@pytest.mark.parametrize("answer", [500, 503, 429, 408, "break", (302, {"Location": "/other"})])
def test_what_may_pass_is_tried_again_in_order(hook, receiver, answer):
    server = receiver(answer, answer)
    sink = hook(server)
    for number in (1, 2, 3):
        sink(event(number))
    until(lambda: len(server.got) == 3)
    assert server.numbers == [1, 2, 3] and {each[0] for each in server.seen} == {"POST"}
    assert {each[1] for each in server.seen} == {"/hook/secret-token"}


def test_a_server_that_hangs_holds_nobody_up(hook, receiver):
    server = receiver("hang")
    sink = hook(server, timeout_s=PATIENCE_S)
    begun = time.monotonic()
    sink(event(1))
    sink(event(2))
    assert time.monotonic() - begun < PROMPT_S  # far less: it is only written to the disk
    server.released.set()
    until(lambda: server.numbers == [1, 2])


def test_the_server_is_asked_no_sooner_than_it_wants(hook, receiver):
    server = receiver((429, {"Retry-After": "1"}))
    sink = hook(server)
    begun = time.monotonic()
    sink(event(1))
    until(lambda: sink.notes)
    assert sink.notes == [f"http://127.0.0.1:{server.port}: it answers 429. Events wait."]
    until(lambda: server.numbers == [1])
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize("answer", [400, 401, 404, 413, 422])
def test_what_is_refused_is_set_aside_and_the_next_one_sent(hook, receiver, tmp_path, answer):
    server = receiver(answer)
    sink = hook(server)
    sink(event(1))
    sink(event(2))
    until(lambda: server.numbers == [2])
    (aside,) = (tmp_path / "spool" / REFUSED).iterdir()
    assert json.loads(aside.read_bytes()) == event(1).record()
    assert sink.notes == [f"Events were refused. See {tmp_path / 'spool' / REFUSED}"]


def test_a_server_that_dies_and_comes_back_gets_everything(hook, receiver):
    server = receiver()
    sink = hook(server)
    sink(event(1))
    until(lambda: server.numbers == [1])
    server.stop()
    for number in (2, 3, 4):
        sink(event(number))
    until(lambda: sink.notes)
    assert "cannot be reached (Connection refused). Events wait." in sink.notes[0]
    assert "secret-token" not in sink.notes[0] + repr(sink)
    again = receiver(port=server.port)
    until(lambda: again.numbers == [2, 3, 4])
    until(lambda: sink.notes == [])


def test_what_was_not_sent_is_sent_by_the_next_run(hook, receiver):
    gone = receiver()
    gone.stop()
    sink = hook(gone)
    sink(event(1))
    sink(event(2))
    until(lambda: sink.notes)
    sink.close()
    again = receiver(port=gone.port)
    hook(again)
    until(lambda: again.numbers == [1, 2])


def test_closing_sends_what_is_on_its_way(hook, receiver):
    server = receiver()
    sink = hook(server)
    for number in range(1, 6):
        sink(event(number))
    sink.close()
    assert server.numbers == [1, 2, 3, 4, 5]


def test_nothing_is_left_open(receiver, tmp_path):
    server = receiver()

    def use():
        sink = Webhook(server.url, spool=tmp_path / "spool")
        sink(event(1))
        sink.close()
        sink.close()

    left_open(use)
    assert len(server.got) == 11


def test_closing_does_not_wait_for_a_server_that_hangs(hook, receiver):
    sink = hook(receiver("hang"), timeout_s=60)
    sink(event(1))
    begun = time.monotonic()
    sink.close(0.1)
    assert time.monotonic() - begun < PROMPT_S


def test_the_picture_is_a_jpeg_and_only_where_it_is_wanted(hook, receiver):
    server = receiver()
    sink = hook(server, picture=True)
    sink(event(1))
    sink(event(2, picture=None))
    until(lambda: len(server.got) == 2)
    sent = Image.open(BytesIO(base64.b64decode(server.got[0]["picture"])))
    assert (sent.format, sent.size) == ("JPEG", (32, 24)) and "picture" not in server.got[1]


def test_a_file_that_has_rotted_is_set_aside(hook, receiver, tmp_path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "000000000001.json").write_bytes(b'{"id": "do')
    (tmp_path / "spool" / "000000000002.json").write_bytes(json.dumps(event(2).record()).encode())
    server = receiver()
    sink = hook(server)
    until(lambda: server.numbers == [2])
    assert sink.spool.refused == 1


def test_a_name_of_any_letters_can_be_told(hook, receiver):
    server = receiver()
    sink = hook(server)
    sink(event(1, camera="Tür", id="Tür-門\r\nX: y-000001"))
    until(lambda: server.got or sink.notes)
    assert server.got[0]["id"] == "Tür-門\r\nX: y-000001"
    assert server.seen[0][2]["Idempotency-Key"] == "T%C3%BCr-%E9%96%80%0D%0AX%3A%20y-000001-ended"


def test_user_and_password_of_the_url_become_a_header(hook, receiver):
    server = receiver()
    sink = hook(server.url.replace("127.0.0.1", "me:p%40ss@127.0.0.1"))
    sink(event(1))
    until(lambda: server.got)
    assert server.seen[0][2]["Authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert "p@ss" not in repr(sink) and "p%40ss" not in repr(sink)


@pytest.mark.parametrize(
    "url",
    ["", "door", "ftp://a/b", "http://", "http://a b/", "http://a/\n", "http://a:99999/", "//a/b"],
)
def test_a_url_that_is_none(tmp_path, url):
    with pytest.raises(EdgeclipError, match="URL is none"):
        Webhook(url, spool=tmp_path / "spool")
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("headers", [{"A b": "c"}, {"A": "b\nC: d"}, {"A": "ü"}, {"": "a"}])
def test_a_header_that_cannot_be_sent(tmp_path, headers):
    with pytest.raises(EdgeclipError, match="cannot be sent"):
        Webhook("http://127.0.0.1/", spool=tmp_path / "spool", headers=headers)


def test_each_acknowledged_event_arrives_in_order_over_kills(receiver, tmp_path):
    server = receiver(*[200, 500, "break"] * 20)
    said = []
    for _ in range(5):
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.watch.sinks.kill_webhook"),
                *(server.url, str(tmp_path / "spool"), str(len(said) + 1)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        said += [int(next(child.stdout)) for _ in range(12)]
        child.kill()
        # What it said while it was being killed counts, too.
        said += [int(line) for line in child.stdout.read().splitlines(True) if line[-1] == "\n"]
        child.wait()
    # The last one may have been kept but not said: its number is given again by the next child.
    sink = Webhook(server.url, spool=tmp_path / "spool")
    until(lambda: not len(sink.spool))
    sink.close()
    assert said == list(range(1, len(said) + 1))
    first_seen = list(dict.fromkeys(server.numbers))
    assert first_seen[: len(said)] == said and len(first_seen) <= len(said) + 1
