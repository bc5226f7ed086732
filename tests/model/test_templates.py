"""Named templates against those of the CLIP paper, as open_clip has them."""

from __future__ import annotations

import open_clip
import pytest

from edgeclip.errors import InvalidText
from edgeclip.model.templates import TEMPLATES, template_set


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
