"""What the page asks for beside searches: items, folders, groups, sets; without a browser."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from tests.serve.serving import serving

BYTES = b"od\xe4"  # a folder whose name is no UTF-8
ESCAPED = "od%E4"
KEYS = ["a.png", "more/b.png", "more/deep/c.png", "more/deep/d.png", "other/e.png"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory, photos, model):
    """A running service of some folders; of one the name is no text."""
    folder = tmp_path_factory.mktemp("folders")
    for key in KEYS:
        path = folder / "album" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photos / "page.png", path)
    odd = folder / "album" / BYTES.decode("utf-8", "surrogateescape")
    odd.mkdir()
    shutil.copy(photos / "coins.png", odd / "f.png")
    with Image.open(photos / "page.png") as picture:
        picture.save(folder / "album" / "g.avif")
    with Index.open(folder / "index", model.space, model=str(model.manifest.folder)) as index:
        list(sync(index, model, folder / "album"))
    with serving(folder, "--index", str(folder / "index")) as running, running.client() as asking:
        yield asking


def items(client, **asked):
    answer = client.get("/items", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_items_are_filtered_page_by_page(folders):
    everything = [each["key"] for each in items(folders)["items"]]
    assert len(everything) == 7
    where = json.dumps({"key": {"prefix": "more/"}, "width": {">": 100}})
    expected = [key for key in everything if key.startswith("more/")]
    told = items(folders, where=where, count=2)
    assert [each["key"] for each in told["items"]] == expected[:2] and told["total"] == 3
    rest = items(folders, where=where, count=2, after=told["next"])
    assert [each["key"] for each in rest["items"]] == expected[2:] and rest["next"] is None
    exact = items(folders, where=where, count=3)
    assert len(exact["items"]) == 3 and exact["next"] is None
    none = items(folders, where=json.dumps({"width": {">": 10**6}}))
    assert none == {"items": [], "next": None, "total": 0}


@pytest.mark.parametrize("where", ["{", "[]", '{"a": {}}', '{"a": 1, "a": 2}', '{"a": NaN}'])
def test_a_filter_that_makes_no_sense(folders, where):
    answer = folders.get("/items", params={"where": where})
    assert answer.status_code == 400 and answer.json()["detail"].endswith(".")
    assert "body" not in answer.json()["detail"]


def test_what_comes_after_a_name_that_is_no_text(folders):
    keys = [each["key"] for each in items(folders)["items"]]
    key = BYTES.decode("utf-8", "surrogateescape") + "/f.png"
    rest = folders.get(f"/items?after={ESCAPED}/f.png").json()
    assert [each["key"] for each in rest["items"]] == keys[keys.index(key) + 1 :]


def test_folders_within_folders(folders):
    def told(query=""):
        answer = folders.get(f"/folders{query}").json()
        assert answer["total"] == len(answer["folders"])
        return {each["folder"]: each["count"] for each in answer["folders"]}

    odd = BYTES.decode("utf-8", "surrogateescape")
    assert told() == {"": 2, "more": 3, odd: 1, "other": 1}
    assert told("?below=more") == {"": 1, "more/deep": 2}
    assert told("?below=more/deep") == {"": 2}
    assert told(f"?below={ESCAPED}") == {"": 1}
    assert told("?below=nothing") == {}


def test_a_group_page_by_page(folders):
    groups = folders.get("/groups").json()
    assert groups["alone"] == sum(each["total"] == 1 for each in groups["groups"])
    first = groups["groups"][0]
    assert first["total"] >= 5
    path = f"/groups/{first['number']}"
    whole = folders.get(path).json()
    assert whole == first
    part = folders.get(path, params={"start": 1, "count": 2}).json()
    assert part["keys"] == first["keys"][1:3] and part["cosines"] == first["cosines"][1:3]
    assert part["total"] == first["total"]
    assert folders.get(path, params={"start": 99}).json()["keys"] == []
    assert folders.get("/groups/987654").status_code == 404


def test_a_set_page_by_page(folders):
    sets = folders.get("/duplicates").json()
    first = sets["groups"][0]
    assert first["total"] == len(first["keys"]) >= 5
    asked = {"keeper": first["keeper"], "start": 1, "count": 2}
    part = folders.get("/duplicates/set", params=asked).json()
    keys = first["keys"][1:3]
    assert part["keys"] == keys and part["total"] == first["total"]
    assert part["cosines"] == {key: first["cosines"][key] for key in keys}
    assert part["exact"] == sorted(set(first["exact"]) & set(keys))
    assert folders.get("/duplicates/set", params={"keeper": "nothing"}).status_code == 404


def test_a_picture_of_a_new_format_has_its_type(folders):
    answer = folders.get("/items/g.avif/picture")
    assert answer.headers["content-type"] == "image/avif"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "application/octet-stream"),
        (b"\xff\xff\xff\xffftyp", "application/octet-stream"),
    ],
)
def test_types_of_files_that_browsers_may_know(head, kind):
    from edgeclip.serve.routes.items import _media_type

    assert _media_type(head) == kind
