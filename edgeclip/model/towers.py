"""The two towers as ``model.json`` describes them: what they eat and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgeclip.errors import ModelError

Fit = Literal["crop", "pad"]
_MAX_SIDE = 4096
FITS: tuple[Fit, ...] = ("crop", "pad")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near a variant stays to the fp32 reference, measured when it was made."""

    mean: float
    """Mean cosine."""
    least: float
    """Least cosine."""
    over: str
    """What it was measured on."""
    neighbours: float | None = None
    """Share of the pictures whose nearest neighbour stayed the same; None: not measured."""
    goldens: float | None = None
    """Least cosine to the goldens where it was made; None: not measured."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One stored form of a tower."""

    file: str
    agreement: Agreement | None = None
    """None for the reference form itself."""
    providers: tuple[str, ...] | None = None
    """onnxruntime's execution providers that may run it; None: any."""


@dataclass(frozen=True, slots=True)
class ImageTower:
    """How a picture becomes the tensor that the image graph eats."""

    size: int
    """Side of the square in pixels."""
    resize: str
    """``shortest``: the shorter side becomes ``size``; ``squash``: both do."""
    filter: str
    """``bilinear`` or ``bicubic``, antialiased, as Pillow computes it."""
    crop: str
    """``center`` or ``none``."""
    mean: tuple[float, float, float]
    """Subtracted from RGB in [0, 1]."""
    std: tuple[float, float, float]
    """Divided by, after the mean."""
    input: str
    """Name of the ``(n, 3, size, size)`` input."""
    input_dtype: str
    """``float32``, or ``float16`` in some graphs made elsewhere."""
    batch: int | None
    """Pictures in one run when the graph fixes it (made elsewhere); None: any number."""
    outputs: Mapping[str, str]
    """``raw`` and ``unit``, either of which may be missing, to tensor names."""
    variants: Mapping[str, Variant]
    default: str
    """The variant that is used unless another is asked for."""

    @property
    def sides(self) -> str:
        """One row of the input, such as ``3x256x256``."""
        return f"3x{self.size}x{self.size}"


@dataclass(frozen=True, slots=True)
class TextTower:
    """How a text becomes the ids that the text graph eats."""

    cleaning: tuple[str, ...]
    """Steps before the tokenizer, in order; see ``edgeclip.model.tokens.CLEANING``."""
    context_length: int
    """The most tokens that the graph takes."""
    padding: str
    """``full``: always to ``context_length``; ``longest``: to the longest text of the batch."""
    pad_id: int
    end_id: int
    """The id that stays last when a text is cut."""
    tokenizer: str
    """File name of the tokenizer."""
    input: str
    """Name of the ``(n, tokens)`` integer input."""
    input_dtype: str
    """``int64`` or ``int32``."""
    batch: int | None
    """Texts in one run when the graph fixes it; None: any number."""
    outputs: Mapping[str, str]
    variants: Mapping[str, Variant]
    default: str
    templates: tuple[str, ...] = ("{}",)
    """Prompts around a label, each with one ``{}``, averaged."""

    @property
    def sides(self) -> str:
        """One row of the input, such as ``77``."""
        return str(self.context_length)


def reference(tower: ImageTower | TextTower) -> str:
    """Return the variant that others are made of and compared with: the exact, or default one."""
    exact = [name for name, variant in tower.variants.items() if variant.agreement is None]
    return exact[0] if exact else tower.default


def image_tower(entry: Mapping[str, Any]) -> ImageTower:
    """Read the image tower; KeyError and TypeError mean that something is missing."""
    return ImageTower(
        size=_side(entry["size"]),
        resize=_one_of(entry["resize"], ("shortest", "squash")),
        filter=_one_of(entry["filter"], ("bilinear", "bicubic")),
        crop=_one_of(entry["crop"], ("center", "none")),
        mean=_three(entry["mean"]),
        std=_divisors(entry["std"]),
        input=string(entry["input"]),
        input_dtype=_one_of(entry.get("input_dtype", "float32"), ("float32", "float16")),
        batch=_batch(entry),
        outputs=_outputs(entry["outputs"]),
        variants=_variants(entry["variants"]),
        default=_one_of(entry["default"], tuple(entry["variants"])),
    )


def text_tower(entry: Mapping[str, Any]) -> TextTower:
    """Read the text tower; KeyError and TypeError mean that something is missing."""
    return TextTower(
        cleaning=tuple(string(step) for step in entry["cleaning"]),
        context_length=positive(entry["context_length"]),
        padding=_one_of(entry["padding"], ("full", "longest")),
        pad_id=int(entry["pad_id"]),
        end_id=int(entry["end_id"]),
        tokenizer=string(entry["tokenizer"]),
        input=string(entry["input"]),
        input_dtype=_one_of(entry["input_dtype"], ("int64", "int32")),
        batch=_batch(entry),
        outputs=_outputs(entry["outputs"]),
        variants=_variants(entry["variants"]),
        default=_one_of(entry["default"], tuple(entry["variants"])),
        templates=tuple(string(template) for template in entry["templates"]),
    )


def _variants(entry: Mapping[str, Any]) -> dict[str, Variant]:
    return {
        string(name): Variant(
            string(value["file"]),
            None if value.get("agreement") is None else _agreement(**value["agreement"]),
            None if value.get("providers") is None else _names(value["providers"]),
        )
        for name, value in entry.items()
    }


def _agreement(*, over: Any, **cosines: Any) -> Agreement:
    numbers = {key: None if value is None else float(value) for key, value in cosines.items()}
    if numbers["mean"] is None or numbers["least"] is None:
        raise TypeError("an agreement needs a mean and a least cosine")
    return Agreement(over=string(over), **numbers)  # type: ignore[arg-type]


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not values:
        raise TypeError(f"a list of providers was expected, not {values!r}")
    return tuple(map(string, values))


def _outputs(entry: Mapping[str, Any]) -> dict[str, str]:
    outputs = {_one_of(kind, ("raw", "unit")): string(name) for kind, name in entry.items()}
    if not outputs:
        raise ModelError("the manifest names no output. Export or import the model again.")
    return outputs


def string(value: Any) -> str:
    """Return a value that is a str."""
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {value!r}")
    return value


def positive(value: Any) -> int:
    """Return a value that is a whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise TypeError(f"a whole number from 1 was expected, not {value!r}")
    return value


def _batch(entry: Mapping[str, Any]) -> int | None:
    return None if entry.get("batch") is None else positive(entry["batch"])


def _side(value: Any) -> int:
    # A damaged number must not become a tensor of gigabytes.
    if positive(value) > _MAX_SIDE:
        raise TypeError(f"a side of at most {_MAX_SIDE} pixels was expected, not {value}")
    return int(value)


def _divisors(values: Any) -> tuple[float, float, float]:
    three = _three(values)
    if not all(value > 0 for value in three):
        raise TypeError(f"numbers above 0 were expected, not {values!r}")
    return three


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise TypeError(f"one of {', '.join(allowed)} was expected, not {value!r}")
    return str(value)
