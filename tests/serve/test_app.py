"""What the service answers, asked of the real command."""

from __future__ import annotations

import base64
import json
import subprocess

import numpy as np
import pytest

from edgeclip.index.index import Index
from edgeclip.model.images import read
from tests.patience import until
from tests.programs import needed


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status and told["type"] == "about:blank"
    assert told["title"] and told["detail"].endswith((".", "!")), told
    return told["detail"]


def test_a_picture_as_the_body_and_in_a_form(client, gallery, model):
    data = (gallery / "coffee.png").read_bytes()
    for normalize in (True, False):
        asked = {"normalize": str(normalize).lower()}
        told = client.post("/embed/image", content=data, params=asked).json()
        expected = model.embed_image(data, normalize=normalize)
        assert np.array_equal(np.float32(told["embedding"]), expected)
        assert told["embedding_dim"] == model.dim and told["normalized"] is normalize
    files = [("file", ("a.png", data)), ("file", ("bad.jpg", b"no picture"))]
    told = client.post("/embed/image", files=files).json()
    assert told["total_files"] == 2 and told["normalize"] is True
    good, bad = told["files"]
    assert good["status"] == "success" and good["file_path"] == "a.png" and good["error"] is None
    assert np.array_equal(np.float32(good["embedding"]["embedding"]), model.embed_image(data))
    assert bad["status"] == "error" and bad["embedding"] is None and "Save it" in bad["error"]


def test_texts(client, model):
    told = client.post("/embed/text", json={"text": "a dog"}).json()
    assert np.array_equal(np.float32(told["embedding"]), model.embed_text("a dog"))
    told = client.post("/embed/text", json={"texts": ["a dog", "a cat"], "normalize": False}).json()
    expected = list(model.embed_texts(["a dog", "a cat"], normalize=False))
    assert np.allclose(np.float32(told["embeddings"]), expected, atol=1e-6)  # one batch or two
    assert client.post("/embed/text", json={"texts": []}).json()["embeddings"] == []
    for wrong in ({}, {"text": "a", "texts": ["b"]}, {"text": 1}, {"words": "a"}, [], None):
        problem(client.post("/embed/text", json=wrong), 400)
    assert "4,096" in problem(client.post("/embed/text", json={"text": "a" * 5000}), 400)


def test_labels(client, gallery, model):
    data = (gallery / "coffee.png").read_bytes()
    asked = {"label": ["a cup", "a cat"], "negative": ["a dog"], "none": "nothing"}
    told = client.post("/classify", files={"file": data}, data=asked).json()["labels"]
    classify = model.classifier(["a cup", "a cat"], negatives=["a dog"], none="nothing")
    expected = classify(data)
    assert [each["label"] for each in told] == [match.key for match in expected]
    assert [each["score"] for each in told] == [match.score for match in expected]
    assert "{}" in problem(
        client.post("/classify", files={"file": data}, data={"label": "a", "template": "b"}), 400
    )
    problem(client.post("/classify", files={"file": data}), 400)
    problem(client.post("/classify", data={"label": "a"}), 415)


def test_search_by_words_pictures_and_items(client, indexed, gallery, model):
    def keys(**asked):
        return [match["key"] for match in client.post("/search", json=asked).json()["matches"]]

    data = (gallery / "chelsea.png").read_bytes()
    with Index.open(indexed, read_only=True) as index:
        vector = model.embed_query("2:a cat - a dog")
        told = client.post("/search", json={"query": "2:a cat - a dog", "count": 3}).json()
        expected = index.search(vector, count=3)
        assert [(m["key"], m["score"]) for m in told["matches"]] == [
            (match.key, match.score) for match in expected
        ]
        assert told["matches"][0]["metadata"] == expected[0].metadata
        item = index.get("coffee.png").vector
    encoded = base64.b64encode(data).decode()
    assert keys(terms=[{"picture": encoded}])[0] == "chelsea.png"
    assert keys(terms=[{"key": "coffee.png"}])[0] == "coffee.png"
    both = [{"key": "coffee.png", "weight": 3}, {"picture": encoded, "weight": -1}]
    told = client.post("/search", json={"query": "text:snow", "terms": both}).json()
    sum_of = 3 * item - model.embed_image(data) + model.embed_text("snow")
    score = told["matches"][0]["score"]
    with Index.open(indexed, read_only=True) as index:
        best = index.get(told["matches"][0]["key"]).vector
    assert score == pytest.approx(best @ sum_of / np.linalg.norm(sum_of), abs=1e-4)
    assert told["good_match"] is None  # two pictures have cosines of another range
    told = client.post("/search", files={"file": data}, data={"search": '{"count": 2}'}).json()
    assert len(told["matches"]) == 2 and told["matches"][0]["key"] == "chelsea.png"
    assert keys(query="a", where={"key": {"prefix": "more/"}}) == ["more/rocket.jpg"]
    assert keys(query="a", min_score=1.0) == []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"query": " "},
        {"query": "a + "},
        {"query": "a - a"},
        {"query": "a", "count": 0},
        {"query": "a", "count": -1},
        {"query": "a", "count": 10**9},
        {"query": "a", "count": 2.5},
        {"query": "a", "min_score": 2},
        {"query": "a", "where": {"key": {"like": "%"}}},
        {"query": "a", "where": {"": 1}},
        {"query": "a", "where": "key = 'a' OR 1=1"},
        {"terms": [{"picture": "no base64"}]},
        {"terms": [{"key": "a", "picture": "b"}]},
        {"query": ["a"]},
        {"query": "a", "top_k": 3},
    ],
    ids=json.dumps,
)
def test_a_search_that_makes_no_sense(client, asked):
    problem(client.post("/search", json=asked), 400)


def test_other_refusals_of_a_search(client):
    problem(client.post("/search", json={"terms": [{"key": "nothing"}]}), 404)
    encoded = base64.b64encode(b"no picture").decode()
    problem(client.post("/search", json={"terms": [{"picture": encoded}]}), 415)
    problem(client.post("/search", content=b"{}"), 415)
    problem(client.post("/search"), 415)


def test_items(client, gallery, indexed):
    told = client.get("/items").json()
    keys = [each["key"] for each in told["items"]]
    assert sorted(keys) == ["astronaut.png", "chelsea.png", "coffee.png", "more/rocket.jpg"]
    assert told["total"] == 4 and told["next"] is None
    first = client.get("/items", params={"count": 3}).json()
    rest = client.get("/items", params={"count": 3, "after": first["next"]}).json()
    assert first["items"] + rest["items"] == told["items"] and rest["next"] is None
    with Index.open(indexed, read_only=True) as index:
        known = client.get("/items/more/rocket.jpg").json()
        assert known == {
            "key": "more/rocket.jpg",
            "metadata": index.get("more/rocket.jpg").metadata,
        }
        alike = client.get("/items/more%2Frocket.jpg/similar", params={"count": 2}).json()
        expected = index.similar("more/rocket.jpg", count=2)
        assert [match["key"] for match in alike["matches"]] == [each.key for each in expected]
    shown = client.get("/items/more/rocket.jpg/picture")
    assert shown.content == (gallery / "more" / "rocket.jpg").read_bytes()
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["x-content-type-options"] == "nosniff"
    small = client.get("/items/coffee.png/thumbnail", params={"size": 64})
    assert small.headers["content-type"] == "image/jpeg"
    assert max(read(small.content).size) == 64
    for path in ("", "/picture", "/thumbnail", "/similar"):
        problem(client.get(f"/items/nothing{path}"), 404)
    problem(client.get("/items/coffee.png/thumbnail", params={"size": 9}), 400)
    problem(client.get("/items", params={"after": "nothing"}), 404)


def test_items_come_and_go(client, gallery, model):
    data = (gallery / "coffee.png").read_bytes()
    key = "a b/picture?.png/é\n"
    path = "/items/a%20b%2Fpicture%3F.png%2F%C3%A9%0A"
    assert client.put(path, content=data).json() == {"key": key, "status": "added"}
    assert client.put(path, content=data).json()["status"] == "unchanged"
    known = {"bytes": len(data), "width": 600, "height": 400}
    assert client.get(path).json()["metadata"] == known
    problem(client.get(path + "/picture"), 404)  # its vector was kept, not its picture
    form = {"files": {"file": data}, "data": {"metadata": '{"camera": "door"}'}}
    assert client.put(path, **form).json()["status"] == "updated"
    found = client.post("/search", json={"query": "a", "where": {"camera": "door"}}).json()
    assert [match["key"] for match in found["matches"]] == [key]
    assert client.delete(path).status_code == 204
    problem(client.delete(path), 404)
    vector = model.embed_text("a dog").tolist()
    given = {"vector": vector, "metadata": {"of": "words"}}
    assert client.put("/items/words%2Fpicture", json=given).json()["status"] == "added"
    assert client.get("/items/words%2Fpicture").json()["metadata"] == {"of": "words"}
    assert client.delete("/items/words%2Fpicture").status_code == 204
    for wrong in ({"vector": [1.0]}, {"vector": [0.0] * model.dim}, {"vector": []}, {}):
        problem(client.put("/items/x", json=wrong), 400)
    problem(client.put("/items/x", content=b"no picture"), 415)
    problem(client.put("/items/x", content=b""), 400)
    problem(client.put("/items/%00", content=data), 400)
    problem(client.put("/items/", content=data), 400)
    problem(client.put("/items/x", files={"file": data}, data={"metadata": "[1]"}), 400)


def test_a_name_that_is_no_text(client, gallery, model):
    """A file's name may be any bytes; the key is what Python makes of them, escaped in JSON."""
    data = (gallery / "coffee.png").read_bytes()
    key = b"b\xe9se.png".decode("utf-8", "surrogateescape")
    assert client.put("/items/b%E9se.png", content=data).json() == {"key": key, "status": "added"}
    try:
        assert client.get("/items/b%E9se.png").json()["key"] == key
        assert key in [each["key"] for each in client.get("/items").json()["items"]]
        found = client.post("/search", json={"query": "a", "where": {"key": {"prefix": "b"}}})
        assert [match["key"] for match in found.json()["matches"]] == [key]
        asked = json.dumps({"terms": [{"key": key}]})  # escaped, as the answer had it
        kind = {"Content-Type": "application/json"}
        found = client.post("/search", content=asked, headers=kind).json()["matches"]
        assert key in [match["key"] for match in found]
    finally:
        assert client.delete("/items/b%E9se.png").status_code == 204


def finished(client, job):
    def told():
        found = client.get(f"/jobs/{job}").json()
        return None if found["status"] in ("queued", "running") else found

    return until(told, lambda: client.get(f"/jobs/{job}").json(), pause_s=0.02)


def test_the_plugins_own_example(served, client, gallery, model):
    """``curl -F file=@image -F normalize=true -F priority=5``, with the real curl."""
    path = gallery / "coffee.png"
    command = [
        *(needed("curl"), "-s", "-X", "POST", f"{served.url}/jobs/clip_embedding"),
        *("-F", f"file=@{path}", "-F", "normalize=true", "-F", "priority=5"),
    ]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert set(answer) == {"job_id", "status"} and answer["status"] == "queued"
    told = finished(client, answer["job_id"])
    assert told["status"] == "ok"
    (file,) = told["task_output"]["files"]
    assert told["task_output"]["total_files"] == 1 and told["task_output"]["normalize"] is True
    assert file["file_path"] == "coffee.png" and file["status"] == "success"
    embedding = file["embedding"]
    assert embedding["embedding_dim"] == model.dim and embedding["normalized"] is True
    assert np.array_equal(np.float32(embedding["embedding"]), model.embed_image(path))


def test_jobs_of_paths(client, gallery, model):
    paths = [str(gallery / "coffee.png"), "more/rocket.jpg"]
    asked = {"input_paths": paths, "output_paths": ["/x"], "normalize": "false"}
    told = finished(client, client.post("/jobs/clip_embedding", data=asked).json()["job_id"])
    assert [file["file_path"] for file in told["task_output"]["files"]] == paths
    expected = model.embed_image(gallery / "coffee.png", normalize=False)
    first = told["task_output"]["files"][0]["embedding"]
    assert np.array_equal(np.float32(first["embedding"]), expected) and not first["normalized"]
    for wrong in ("/etc/passwd", "../x", "/dev/zero", "nothing.jpg"):
        problem(client.post("/jobs/clip_embedding", data={"input_paths": wrong}), 403)
    problem(client.post("/jobs/clip_embedding"), 400)
    problem(client.get("/jobs/nothing"), 404)
    problem(client.delete("/jobs/nothing"), 404)
    problem(client.delete(f"/jobs/{told['job_id']}"), 409)


def test_what_it_is(client, model):
    told = client.get("/model").json()
    assert told["space"] == model.space and told["dim"] == model.dim and told["items"] >= 4
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}
    advice = client.post("/coach", json={"query": "three cats"}).json()
    assert not advice["suitable"] and advice["limits"][0]["kind"] == "counting"
    problem(client.post("/coach", json={"query": "a + "}), 400)
    problem(client.get("/nothing"), 404)
    problem(client.post("/model"), 405)


def test_metrics(client):
    client.post("/embed/text", json={"text": "something that nobody asked before"})
    text = client.get("/metrics").text
    assert "http_server_request_duration_seconds_bucket{" in text
    assert 'http_route="/embed/text"' in text and 'http_response_status_code="200"' in text
    assert 'edgeclip_inferences_total{tower="text"}' in text
    assert 'edgeclip_jobs{status="ok"}' in text and "edgeclip_index_items" in text
    assert "process_resident_memory_bytes" in text


def test_the_description(client):
    told = client.get("/openapi.json").json()
    assert told["info"]["title"] == "edgeclip" and "/search" in told["paths"]
    problems = told["paths"]["/search"]["post"]["responses"]
    assert "application/problem+json" in problems["400"]["content"]
    assert "HTTPValidationError" not in told["components"]["schemas"]
