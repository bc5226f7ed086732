"""Teaching by examples: vectors with a known truth, and with a gap between words and pictures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgeclip.errors import EdgeclipError, InvalidItem
from edgeclip.model import mixing
from edgeclip.model.pack import PromptPack
from edgeclip.model.packed import PackedLabel
from edgeclip.model.teach import distinct, teach
from edgeclip.vectors import unit

DIM = 32
NAMES = ("cat", "dog", "bird")


class World:
    """Words in one cone, pictures in another, and classes that differ alike in both."""

    def __init__(self, seed: int = 0, words_right: float = 1.0) -> None:
        self.random = np.random.default_rng(seed)
        axes = np.linalg.qr(self.random.normal(size=(DIM, DIM)))[0]
        self.words_centre, self.pictures_centre, self.classes = axes[0], axes[1], axes[2:5]
        self.words_right = words_right

    def pictures(self, k: int, count: int, spread: float = 0.06):
        noise = self.random.normal(size=(count, DIM)) * spread
        return unit(self.pictures_centre + 0.3 * self.classes[k] + noise)

    def word(self, k: int):
        wrong = self.random.normal(size=DIM) / DIM**0.5
        right = self.words_right * self.classes[k] + (1 - self.words_right) * wrong
        return unit(self.words_centre + 0.3 * right)[None]

    def pack(self, names=NAMES, negatives: int = 0) -> PromptPack:
        none = np.zeros((0, DIM), np.float32)
        labels = tuple(
            PackedLabel(name, (name,), self.word(k), (), none, {"threshold": 0.5, "cooldown": 9})
            for k, name in enumerate(names)
        )
        shared = np.concatenate([none, *(self.word(2 - k) for k in range(negatives))])
        words = tuple(f"negative {k}" for k in range(negatives))
        return PromptPack("world", "0" * 64, 50.0, labels, words, shared, None, none)


def accuracy(pack: PromptPack, world: World, count: int = 60) -> float:
    classify = pack.classifier(lambda vector: vector)
    return float(
        np.mean(
            [
                classify(vector)[0].key == name
                for k, name in enumerate(NAMES)
                for vector in world.pictures(k, count)
            ]
        )
    )


def examples(world: World, count: int = 8, **options):
    return {name: world.pictures(k, count, **options) for k, name in enumerate(NAMES)}


def test_pictures_help_words_that_say_little():
    world = World(words_right=0.2)
    pack = world.pack()
    taught, lesson = teach(pack, examples(world))
    assert accuracy(pack, world) < 0.7 < 0.95 < accuracy(taught, world)
    assert lesson.measure == "balanced accuracy" and lesson.chance == pytest.approx(1 / 3, abs=1e-4)
    assert lesson.low < lesson.estimate <= lesson.high and lesson.weight >= 0.5
    assert (lesson.pictures, lesson.others) == (dict.fromkeys(NAMES, 8), 0)


def test_good_words_are_kept_where_pictures_are_few_and_odd():
    world = World(seed=1)
    shown = examples(world, 3, spread=0.12)
    both, lesson = teach(world.pack(), shown)
    alone, by_pictures = teach(world.pack(), shown, weights=(1.0,))
    assert lesson.weight < by_pictures.weight == 1.0
    assert accuracy(both, world) > accuracy(alone, world)


def test_the_estimate_is_what_new_pictures_get():
    found, truth = [], []
    for seed in range(8):
        world = World(seed, words_right=0.3)
        taught, lesson = teach(world.pack(), examples(world, 10, spread=0.09))
        classify = taught.classifier(lambda vector: vector)
        rows = [(name, v) for name, vs in examples(world, 60, spread=0.09).items() for v in vs]
        truth.append(np.mean([classify(vector)[0].key == name for name, vector in rows]))
        found.append(lesson.estimate)
    assert np.mean(found) == pytest.approx(np.mean(truth), abs=0.04)


def test_what_cannot_be_told_apart_is_refused():
    refused = 0
    for seed in range(20):
        world = World(seed)
        mixed = np.concatenate(list(examples(world).values()))
        world.random.shuffle(mixed)
        nonsense = dict(zip(NAMES, np.split(mixed, 3), strict=True))
        try:
            teach(world.pack(), nonsense)
        except EdgeclipError as error:
            refused += "cannot be told apart: the balanced accuracy" in str(error)
    assert refused >= 18


def test_one_label_against_others():
    world = World(words_right=0.0)
    pack = world.pack(("cat",), negatives=2)
    taught, lesson = teach(
        pack, {"cat": world.pictures(0, 8)}, np.concatenate([world.pictures(k, 8) for k in (1, 2)])
    )
    assert (lesson.measure, lesson.chance, lesson.others) == ("AUC", 0.5, 16)
    score = taught.classifier(lambda vector: vector, labels=["cat"])
    limit = taught.labels[0].lesson["thresholds"]["cat"]
    assert limit == lesson.thresholds["cat"]
    seen = [score(vector)[0].score >= limit for vector in world.pictures(0, 60)]
    others = [score(v)[0].score >= limit for k in (1, 2) for v in world.pictures(k, 60)]
    assert np.mean(seen) > 0.9 and np.mean(others) < 0.1


def test_one_label_that_is_like_the_others_is_refused():
    world = World()
    with pytest.raises(EdgeclipError, match="cat and other pictures cannot be told apart: the AUC"):
        teach(world.pack(), {"cat": world.pictures(1, 8)}, world.pictures(1, 8))


def test_what_was_not_taught_still_competes():
    world = World()
    pack = world.pack(negatives=1)
    two = {name: world.pictures(k, 8) for k, name in enumerate(NAMES[:2])}
    taught, _ = teach(pack, two)
    assert taught.labels[2] is pack.labels[2]
    assert taught.negative_vectors is pack.negative_vectors
    shared = dataclasses.replace(taught, negatives=(), negative_vectors=taught.negative_vectors[:0])
    assert accuracy(shared, world) > 0.85


def test_general_texts_compete_as_they_did_before():
    world = World()
    pack = world.pack()
    rows = np.concatenate([pack.labels[0].vectors, np.eye(DIM)])
    pack = dataclasses.replace(pack, none="none", background_vectors=rows.astype(np.float32))
    taught, _ = teach(pack, examples(world))
    assert len(pack.general(pack.labels)) < len(rows)
    assert np.array_equal(taught.general(taught.labels), pack.general(pack.labels))


def test_a_pack_remembers_and_is_taught_anew(tmp_path):
    world = World(words_right=0.5)
    pack = world.pack()
    first, lesson = teach(pack, examples(world))
    first.save(tmp_path / "a.pack")
    loaded = PromptPack.load(tmp_path / "a.pack")
    label = loaded.labels[0]
    assert label.lesson is not None and label.lesson["pictures"] == dict.fromkeys(NAMES, 8)
    assert label.lesson["estimate"] == lesson.estimate
    assert label.lesson["thresholds"] == lesson.thresholds
    assert label.settings == pack.labels[0].settings
    assert np.allclose(label.text_vectors, pack.labels[0].vectors, atol=1e-3)
    more = examples(world, 12)
    again, _ = teach(first, more)
    once, _ = teach(pack, more)
    for ours, theirs in zip(again.labels, once.labels, strict=True):
        assert ours.vectors.tobytes() == theirs.vectors.tobytes()
        assert len(ours.negative_vectors) == len(theirs.negative_vectors)


def test_one_label_can_be_taught_twice():
    world = World()
    others = world.pictures(1, 8)
    pack = world.pack(("cat",))
    once, _ = teach(pack, {"cat": world.pictures(0, 8)}, others)
    twice, _ = teach(once, {"cat": world.pictures(0, 8)}, others)
    assert len(once.labels[0].negative_vectors) == len(twice.labels[0].negative_vectors) == 1


@pytest.mark.parametrize(
    ("shown", "match"),
    [
        ({"cat": 8, "cow": 8}, "no label 'cow'. It has cat, dog, bird"),
        ({"cat": 8}, "only be told from something else"),
        ({"cat": 8, "dog": 2}, "2 different pictures of 'dog', less than 3"),
    ],
)
def test_what_cannot_be_taught(shown, match):
    world = World()
    with pytest.raises(InvalidItem, match=match):
        teach(world.pack(), {n: world.pictures(k, c) for k, (n, c) in enumerate(shown.items())})


def test_the_same_picture_counts_once():
    world = World()
    cats, dogs = world.pictures(0, 4), world.pictures(1, 4)
    nearly = unit(cats[:1] + 1e-4 * world.random.normal(size=DIM))
    kept, left = distinct({"cat": [*cats, cats[2], *nearly], "dog": [*dogs, cats[3]], "bird": []})
    assert kept["cat"].tolist() == cats[:3].tolist() and kept["dog"].tolist() == dogs.tolist()
    assert (len(kept["bird"]), left) == (0, 4)  # a cat that is a dog is neither
    assert distinct({"cat": []})[1] == 0


def test_directions_ignore_what_is_shared():
    world = World()
    rows = np.concatenate(list(examples(world).values())).astype(float)
    said = mixing.words([label.vectors for label in world.pack().labels], [])
    found = mixing.directions(rows, np.repeat([0, 1, 2], 8), said)
    means = rows.reshape(3, 8, DIM).mean(axis=(0, 1))
    assert found.shape == (11, 3, DIM)
    assert np.allclose(np.linalg.norm(found, axis=-1), 1)
    assert np.allclose(found @ means, 0, atol=1e-9)
    assert np.allclose(found @ said.centre, 0, atol=1e-9)


@pytest.mark.parametrize("count", [4, 8, 40])
def test_both_ways_to_divide_by_the_covariance_agree(count):
    random = np.random.default_rng(1)
    residuals, rows = random.normal(size=(count, 8)), random.normal(size=(3, 8))
    spread = np.sum(residuals**2) / (count - 2)
    covariance = 0.8 * spread / 8 * np.eye(8) + 0.2 * residuals.T @ residuals / (count - 2)
    expected = np.linalg.solve(covariance, rows.T).T
    assert np.allclose(mixing._whitened(residuals, rows, 2), expected)


def test_one_picture_of_each_says_nothing_of_their_spread():
    rows = np.eye(3)
    assert mixing._whitened(np.zeros((2, 3)), rows, 2) is rows
