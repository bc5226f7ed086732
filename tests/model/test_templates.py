"""Named templates against those of the CLIP paper, as open_clip has them."""

from __future__ import annotations

import open_clip
import pytest

from edgeclip.errors import InvalidText
from edgeclip.model.templates import TEMPLATES, filled, template_set


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("imagenet-7", open_clip.SIMPLE_IMAGENET_TEMPLATES),
        ("imagenet-80", open_clip.OPENAI_IMAGENET_TEMPLATES),
    ],
)
def test_the_papers_sets(name, oracle):
    assert TEMPLATES[name] == tuple(fill("{}") for fill in oracle)


def test_the_small_sets():
    assert TEMPLATES["plain"] == ("{}",) and TEMPLATES["photo"] == ("a photo of a {}.",)


def test_a_set_by_name_or_as_a_list():
    assert template_set("photo") == ("a photo of a {}.",)
    assert template_set(["{}!", "my {}"]) == ("{}!", "my {}")
    with pytest.raises(InvalidText, match=r"no templates 'imagenet'\. Take one of plain"):
        template_set("imagenet")
    with pytest.raises(TypeError, match="lists of texts"):
        template_set("a photo of {}")


def test_a_classifier_takes_a_name(model):
    by_name = model.classifier(["cat", "dog"], templates="imagenet-7").prototypes
    listed = model.classifier(["cat", "dog"], templates=TEMPLATES["imagenet-7"]).prototypes
    assert by_name.tobytes() == listed.tobytes()


@pytest.mark.parametrize(
    ("template", "label", "made"),
    [
        ("a photo of a {}.", "cat", "a photo of a cat."),
        ("a photo of a {}.", "a person at the door", "a photo of a person at the door."),
        ("a photo of a {}.", "An owl", "a photo of a owl."),  # as the paper's, before vowels too
        ("itap of the {}.", "the red van", "itap of the red van."),
        ("The {}", "a lion or a tiger", "The lion or a tiger"),
        ("a photo of {}.", "a cat", "a photo of a cat."),
        ("a photo of my {}.", "the cat", "a photo of my the cat."),  # no article of the template's
        ("a sea {}", "a view", "a sea a view"),
        ("a {}", "theatre", "a theatre"),
        ("a {}", "the", "a the"),
        ("{}", "a cat", "a cat"),
    ],
)
def test_no_two_articles_in_a_row(template, label, made):
    assert filled(template, label) == made


def test_a_label_with_its_article_is_embedded_as_the_bare_noun(model):
    with_article = model.classifier(["a cat", "the dog"], templates="photo").prototypes
    bare = model.classifier(["cat", "dog"], templates="photo").prototypes
    assert with_article.tobytes() == bare.tobytes()
    plain = model.classifier(["a cat", "the dog"], templates="plain").prototypes
    assert (
        plain.tobytes() != model.classifier(["cat", "dog"], templates="plain").prototypes.tobytes()
    )
