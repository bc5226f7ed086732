"""What a recipe is: one exportable model, from where, under which licence, how it sees pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SAFETENSORS = "open_clip_model.safetensors"
Three = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a tensor, as the weights were trained."""

    size: int
    """Side of the square in pixels."""
    resize: str = "shortest"
    """``shortest``: the shorter side becomes ``size``; ``squash``: both do."""
    filter: str = "bilinear"
    """``bilinear`` or ``bicubic``."""
    mean: Three = (0.0, 0.0, 0.0)
    """Subtracted from RGB in [0, 1]."""
    std: Three = (1.0, 1.0, 1.0)
    """Divided by, after the mean."""

    @property
    def crop(self) -> str:
        """``center`` after a resize of the shorter side, else ``none``."""
        return "center" if self.resize == "shortest" else "none"


@dataclass(frozen=True)
class License:
    """Under which terms the weights may be used."""

    name: str
    spdx: str | None
    """Identifier in the SPDX list, or None."""
    url: str
    commercial_use: bool | None
    """False: research only, to be accepted first. None: not known."""
    consequence: str
    """What that means for the user, one sentence."""


@dataclass(frozen=True)
class Accuracy:
    """A figure as its authors published it."""

    task: str
    value: float
    unit: str
    source: str
    """Where it was published."""


@dataclass(frozen=True)
class Recipe:
    """One exportable model."""

    name: str
    """The model folder's name."""
    family: str
    """``mobileclip`` or ``openclip``."""
    architecture: str
    """open_clip's name of the architecture."""
    tag: str
    """open_clip's name of the pretrained weights."""
    repository: str
    """On the hub."""
    preprocessing: Preprocessing
    license: License
    files: tuple[str, ...] = (SAFETENSORS, "open_clip_pytorch_model.bin")
    """Files with the weights, best first; the first that the repository has is taken."""
    revision: str | None = None
    """Commit; None: the newest, which is resolved, reported and recorded at the download."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of a file at that revision; where it is not listed the hub's own digest is checked."""
    accuracy: tuple[Accuracy, ...] = ()
