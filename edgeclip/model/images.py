"""Picture → tensor: the only module that decodes with Pillow (`sheet` draws with it).

With the defaults the resize, the crop and the scaling equal the reference pipeline of CLIP models
(torchvision's ``Resize``, ``CenterCrop``, ``ToTensor``, ``Normalize`` on PIL pictures) bit for bit;
the tests compare them.  What comes before is this project's own contract, because the reference has
none: which files are opened at all, which way is up, what lies behind a transparent pixel, and how
16-bit greys become 8-bit ones.  Colour profiles are ignored, as the reference ignores them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edgeclip.errors import ImageRejected, UnsupportedFormat
from edgeclip.model import exif, greys, headers
from edgeclip.model.headers import MAX_PIXELS, MOST_PIXELS
from edgeclip.model.towers import Fit, ImageTower

PictureSource: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8] | Any"
"""A path, encoded bytes, a PIL picture, ``(h, w, 3)`` uint8 RGB, or an object with ``.picture``."""

Tensor: TypeAlias = NDArray[np.float32]
Result = TypeVar("Result")

# Pillow 13 registers over 40 openers; most of them nobody sends to a camera, and they are where the
# decoder bugs are found.  The content decides, never the file's name.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
BACKGROUND = (255, 255, 255)
"""Stands behind transparent pixels; `convert("RGB")` alone would show their hidden colour."""
PADDING = (122, 116, 104)
"""Fills the borders of ``fit="pad"``: CLIP's mean colour in 8 bits."""

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0
# A draft keeps at least this many times the model's size, so that the real resize still averages.
_DRAFT_MARGIN = 2


def prepare(
    source: PictureSource,
    tower: ImageTower,
    *,
    fit: Fit = "crop",
    draft: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Turn a picture into the tensor that the image graph eats.

    Args:
        source: see `PictureSource`.
        tower: size, filter, crop and statistics.
        fit: ``crop`` is the reference; ``pad`` keeps the whole picture between grey borders.
        draft: decode large JPEGs at a reduced scale.
        max_pixels: refuse larger pictures before they are decoded.

    Returns:
        ``(3, size, size)`` float32, normalised with the tower's mean and std.

    Raises:
        ImageRejected: the picture cannot or must not be read; the message says why.
    """
    box = tower.size * _DRAFT_MARGIN if draft else None
    picture = read(source, draft_size=box, max_pixels=max_pixels)
    return to_tensor(squared(picture, tower, fit), tower)


def read(
    source: PictureSource, *, draft_size: int | None = None, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Read a picture from anything that holds one.

    Returns:
        An upright RGB picture: EXIF orientation applied, transparency laid on white, first frame of
        an animation, 16-bit and float greys scaled to 8 bits.

    Raises:
        ImageRejected: no picture, damaged, truncated, too large, or not an ordinary file.
    """
    source = getattr(source, "picture", source)
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, Image.Image):
        return _guarded("the picture", lambda: _finish(source, max_pixels, None))
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return _guarded(
            "the picture", lambda: _decode(BytesIO(data), "the picture", draft_size, max_pixels)
        )
    if isinstance(source, str | os.PathLike):
        path = Path(os.fsdecode(source))
        name = headers.printable(str(path))
        return _guarded(name, lambda: _from_path(path, name, draft_size, max_pixels))
    raise ImageRejected(
        f"a picture cannot be made of {type(source).__name__}. Give a path, encoded bytes, "
        "a PIL picture or an (h, w, 3) uint8 RGB array."
    )


def jpeg(picture: PictureSource, quality: int = 85) -> bytes:
    """Return a picture as a JPEG file; raise `ImageRejected` when it is none."""
    file = BytesIO()
    read(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def header(data: bytes) -> exif.Header:
    """Read what encoded bytes say of themselves, without decoding the picture where possible.

    Raises:
        ImageRejected: they are no picture.
    """

    def described() -> exif.Header:
        with _open(BytesIO(data), "the picture", MOST_PIXELS) as picture:
            return exif.header(picture, data)

    return _guarded("the picture", described)


def squared(picture: Image.Image, tower: ImageTower, fit: Fit = "crop") -> Image.Image:
    """Resize and crop (or pad) an RGB picture to ``size`` × ``size``.

    Reproduces torchvision's ``Resize(size)`` and ``CenterCrop(size)`` on PIL pictures, with its
    integer arithmetic: ``int`` for the longer side, ``round`` (half to even) for the crop.
    """
    size, resample = tower.size, _FILTERS[tower.filter]
    width, height = picture.size
    if fit == "pad":
        return _padded(picture, size, resample)
    if tower.resize == "squash":
        return picture.resize((size, size), resample)
    short, long = sorted((width, height))
    longer = int(size * long / short)
    scaled = (size, longer) if width <= height else (longer, size)
    if scaled != picture.size:
        picture = picture.resize(scaled, resample)
    if tower.crop == "none" or picture.size == (size, size):
        return picture
    left = round((picture.width - size) / 2.0)
    top = round((picture.height - size) / 2.0)
    return picture.crop((left, top, left + size, top + size))


def to_tensor(picture: Image.Image, tower: ImageTower) -> Tensor:
    """Scale an RGB picture to [0, 1] and normalise it, in the reference's order of operations.

    Returns:
        ``(3, height, width)`` float32.
    """
    pixels = np.asarray(picture, dtype=np.uint8).transpose(2, 0, 1)
    tensor = np.ascontiguousarray(pixels).astype(np.float32)
    tensor /= np.float32(255)
    tensor -= np.asarray(tower.mean, dtype=np.float32)[:, None, None]
    tensor /= np.asarray(tower.std, dtype=np.float32)[:, None, None]
    return tensor


def _padded(picture: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """Scale the longer side to ``size`` and centre the picture on a square of `PADDING`."""
    width, height = picture.size
    scale = size / max(width, height)
    fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new("RGB", (size, size), PADDING)
    offset = ((size - fitted[0]) // 2, (size - fitted[1]) // 2)
    canvas.paste(picture.resize(fitted, resample), offset)
    return canvas


def _guarded(name: str, decode: Callable[[], Result]) -> Result:
    """Turn whatever a decoder throws into one `ImageRejected` that names the picture."""
    try:
        return decode()
    except ImageRejected:
        raise
    except MemoryError as error:
        raise ImageRejected(f"{name} needs more memory than there is. Make it smaller.") from error
    except Exception as error:
        # Mutated files make Pillow raise OSError, ValueError, SyntaxError, struct.error, KeyError…
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageRejected(f"{name} is damaged ({reason}). Copy or save it again.") from error


def _from_path(path: Path, name: str, draft_size: int | None, max_pixels: int) -> Image.Image:
    """Open an ordinary file only: a pipe would block, a device has side effects."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "no ordinary file"
            raise ImageRejected(f"{name} is {what}. Give the path of a picture.")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | os.O_CLOEXEC)
    except OSError as error:
        raise ImageRejected(f"{name} cannot be read: {error.strerror}. Check the path.") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ImageRejected(f"{name} is no ordinary file. Give the path of a picture.")
        return _decode(file, name, draft_size, max_pixels)


def _decode(file: IO[bytes], name: str, draft_size: int | None, max_pixels: int) -> Image.Image:
    with _open(file, name, max_pixels) as picture:
        return _finish(picture, max_pixels, draft_size, name)


def _open(file: IO[bytes], name: str, max_pixels: int) -> Image.Image:
    """Open a picture of an allowed format; its pixels are still to be decoded."""
    head = file.read(32)
    file.seek(0)
    formats = (*FORMATS, *_heif(name)) if headers.is_heic(head) else FORMATS
    headers.check_size(headers.webp_canvas(head), max_pixels, name)
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        what = f"is no picture of a format or layout that can be read ({', '.join(FORMATS)})"
        what = what if head else "is empty"
        raise UnsupportedFormat(f"{name} {what}. Save it as JPEG or PNG.") from error
    except Image.DecompressionBombError as error:
        raise ImageRejected(f"{name} is too large to decode ({error}).") from error


def _finish(
    picture: Image.Image, max_pixels: int, draft_size: int | None, name: str = "the picture"
) -> Image.Image:
    """Decode, convert to RGB and turn upright, after the limits have been checked."""
    headers.check_size(picture.size, max_pixels, name)
    if draft_size is not None:
        picture.draft(None, (draft_size, draft_size))
    picture.load()
    upright = _to_rgb(picture, name)
    # Asked after loading: Pillow turns a TIFF itself while it loads, and then removes the tag.
    method = _UPRIGHT.get(exif.orientation(picture))
    return upright if method is None else upright.transpose(method)


def _to_rgb(picture: Image.Image, name: str) -> Image.Image:
    """Convert any mode to RGB without clipping, and without showing what transparency hides."""
    if picture.mode == "La":
        picture = picture.convert("LA")  # the only way out of this mode
    mode = picture.mode
    if mode == "RGB" and "transparency" not in picture.info:
        return picture
    if mode.startswith(("I", "F")):
        return Image.fromarray(_grey_to_8_bits(picture, name)).convert("RGB")
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        above = picture.convert("RGBA")
        below = Image.new("RGB", above.size, BACKGROUND)
        below.paste(above.convert("RGB"), mask=above.getchannel("A"))
        return below
    return picture.convert("RGB")


def _grey_to_8_bits(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    """Scale 12-, 16- and 32-bit and float greys to 0–255; Pillow's own conversion clips them."""
    values = np.asarray(picture)
    if not np.all(np.isfinite(values)):
        raise ImageRejected(f"{name} holds values that are no numbers. Save it with finite values.")
    tags: Mapping[int, Any] = getattr(picture, "tag_v2", {})
    # 16-bit modes have a known range; 12-bit TIFFs are widened to 16 without scaling.
    bits = int(tags.get(_BITS_PER_SAMPLE, (16,))[0])
    scaled = greys.to_8_bits(values, 2.0**bits - 1 if picture.mode.startswith("I;16") else None)
    return 255 - scaled if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else scaled


def _from_array(array: NDArray[Any], max_pixels: int) -> Image.Image:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise ImageRejected(
            f"an array of shape {array.shape} and dtype {array.dtype} is no picture. "
            "Give (h, w, 3) uint8 in RGB order."
        )
    headers.check_size((array.shape[1], array.shape[0]), max_pixels, "the array")
    return Image.fromarray(np.ascontiguousarray(array))


def _heif(name: str) -> tuple[str, ...]:
    """Register the HEIC opener of the extra ``heif`` and return its format."""
    try:
        import pillow_heif
    except ImportError as error:
        raise UnsupportedFormat(
            f"{name} is a HEIC picture. To read those: pip install 'edgeclip[heif]'"
        ) from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)
