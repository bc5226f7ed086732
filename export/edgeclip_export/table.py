"""The models that have a name of their own, ``mobileclip_s2`` first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edgeclip_export.recipe import SAFETENSORS, Accuracy, License, Preprocessing, Recipe
from edgeclip_export.towers import CLIP_MEAN, CLIP_STD

_MOBILECLIP_README = "https://github.com/apple/ml-mobileclip#evaluation"
_ZERO_SHOT = "ImageNet-1k zero-shot top-1"

APPLE = License(
    name="Apple Machine Learning Research Model License",
    spdx=None,
    url="https://github.com/apple/ml-mobileclip/blob/main/LICENSE_MODELS",
    commercial_use=False,
    consequence="These weights are for research only and may not be used in a commercial product.",
)
MIT_DATACOMP = License(
    name="MIT License",
    spdx="MIT",
    url="https://huggingface.co/laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
    commercial_use=True,
    consequence="Commercial use is allowed; keep the notice with copies of the weights.",
)


def _mobileclip(
    name: str, architecture: str, repository: str, value: float, *, size: int = 256, **other: Any
) -> Recipe:
    accuracy = (Accuracy(_ZERO_SHOT, value, "%", _MOBILECLIP_README),)
    preprocessing = other.pop("preprocessing", Preprocessing(size))
    tag = other.pop("tag", "datacompdr")
    return Recipe(
        name,
        "mobileclip",
        architecture,
        tag,
        repository,
        preprocessing,
        APPLE,
        accuracy=accuracy,
        **other,
    )


def _mobileclip2(name: str, variant: str, value: float, **other: Any) -> Recipe:
    repository = other.pop("repository", f"timm/MobileCLIP2-{variant}-OpenCLIP")
    return _mobileclip(name, f"MobileCLIP2-{variant}", repository, value, tag="dfndr2b", **other)


# Revisions and SHA-256 are those that public projects pin for exactly this repository and file;
# where none was found there is none, and nothing is guessed.
_TABLE = (
    _mobileclip(
        "mobileclip_s2",
        "MobileCLIP-S2",
        "apple/MobileCLIP-S2-OpenCLIP",
        74.4,
        revision="a406a1bd0b882b27509e608f3cb199de52010c4d",
    ),
    _mobileclip("mobileclip_s1", "MobileCLIP-S1", "apple/MobileCLIP-S1-OpenCLIP", 72.6),
    _mobileclip("mobileclip_b", "MobileCLIP-B", "apple/MobileCLIP-B-OpenCLIP", 76.8, size=224),
    _mobileclip(
        "mobileclip_b_lt",
        "MobileCLIP-B",
        "apple/MobileCLIP-B-LT-OpenCLIP",
        77.2,
        size=224,
        tag="datacompdr_lt",
    ),
    _mobileclip2(
        "mobileclip2_s0",
        "S0",
        71.5,
        revision="095906d28bf54d7584dc411e8ffe448f34289e05",
        sha256={SAFETENSORS: "ab91a1a0c4330d6b1913e24d5035dfdea15423316aaec649610c6b1c6ddd0e95"},
    ),
    _mobileclip2(
        "mobileclip2_s2",
        "S2",
        77.2,
        repository="apple/MobileCLIP2-S2",
        files=("mobileclip2_s2.pt",),
        revision="72424e7025436db18f15c3eff6ee8c7c15ad4481",
        sha256={
            "mobileclip2_s2.pt": "37c2d839a856491f2fcc82c40dc28672dbd0907235b4cd4c38dfff6457f0c09f"
        },
    ),
    _mobileclip2("mobileclip2_b", "B", 79.4, size=224),
    _mobileclip2(
        "mobileclip2_s3",
        "S3",
        80.7,
        preprocessing=Preprocessing(256, mean=CLIP_MEAN, std=CLIP_STD),
    ),
    _mobileclip2(
        "mobileclip2_s4",
        "S4",
        81.9,
        preprocessing=Preprocessing(256, mean=CLIP_MEAN, std=CLIP_STD),
    ),
    _mobileclip2(
        "mobileclip2_l14",
        "L-14",
        81.9,
        preprocessing=Preprocessing(224, filter="bicubic", mean=CLIP_MEAN, std=CLIP_STD),
    ),
    Recipe(
        name="vit_b_32_256",
        family="openclip",
        architecture="ViT-B-32-256",
        tag="datacomp_s34b_b86k",
        repository="laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        revision="4afec35ffe57a943d569ff7ee888061830164da8",
        sha256={SAFETENSORS: "92c26d60d3200ed5ed040dff31a8d19f8140648da8007216c25744c478deef27"},
        preprocessing=Preprocessing(256, filter="bicubic", mean=CLIP_MEAN, std=CLIP_STD),
        license=MIT_DATACOMP,
    ),
)
RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _TABLE})
"""The named models, ``mobileclip_s2`` first."""
