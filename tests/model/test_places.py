"""Where a user's things lie: a variable of edgeclip's own, then XDG's, then the home."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeclip.model import places

PLACES = {
    places.user_data: (None, "XDG_DATA_HOME", ".local/share"),
    places.user_config: ("EDGECLIP_CONFIG", "XDG_CONFIG_HOME", ".config"),
    places.user_cache: ("EDGECLIP_CACHE", "XDG_CACHE_HOME", ".cache"),
}
each = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """A home, and no variables."""
    for own, xdg, _ in PLACES.values():
        for name in filter(None, (own, xdg)):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")


@each
def test_below_the_home(place):
    assert place() == Path("/home/somebody", PLACES[place][2], "edgeclip")


@each
def test_xdg_stands_above_the_home(place, monkeypatch):
    own, xdg, below = PLACES[place]
    monkeypatch.setenv(xdg, "/xdg")
    assert place() == Path("/xdg/edgeclip")
    monkeypatch.setenv(xdg, "")
    assert place() == Path("/home/somebody", below, "edgeclip")
    if own:
        monkeypatch.setenv(own, "/own")
        assert place() == Path("/own")
        monkeypatch.setenv(own, "")
        monkeypatch.setenv(xdg, "/xdg")
        assert place() == Path("/xdg/edgeclip")


@pytest.mark.parametrize("place", [places.user_config, places.user_cache])
def test_off_is_no_folder(place, monkeypatch):
    own, xdg, _ = PLACES[place]
    monkeypatch.setenv(own, "off")
    monkeypatch.setenv(xdg, "/xdg")
    assert place() is None


@each
def test_a_user_that_does_not_exist_has_no_place(place, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert place() is None
    monkeypatch.setenv(PLACES[place][1], "/xdg")
    assert place() == Path("/xdg/edgeclip")


@each
def test_nothing_is_made_by_asking(place, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in place().parents and list(tmp_path.iterdir()) == []
