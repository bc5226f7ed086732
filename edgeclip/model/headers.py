"""What the name and the first bytes of a file say, before any decoder sees it."""

from __future__ import annotations

from edgeclip.errors import ImageRejected

_JPEG, _OTHERS = ".jpg .jpeg .jpe .jfif .mpo", ".png .webp .bmp .gif .tif .tiff .ppm .pgm .pbm"
SUFFIXES = frozenset(f"{_JPEG} {_OTHERS} .avif .heic .heif".split())
"""Endings that pictures usually have; what a file really is, its content says."""

MAX_PIXELS = 50_000_000
"""Larger pictures are refused, unless the caller allows more."""
MOST_PIXELS = 178_956_970
"""What a caller may allow: Pillow opens nothing larger."""
MAX_ASPECT = 100

# HEVC brands only: "mif1" stands in AVIF files too, which Pillow reads by itself.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_GENERIC_BRANDS = frozenset({b"mif1", b"msf1"})


def is_heic(head: bytes) -> bool:
    """Tell whether a file that starts with these 32 bytes or more is a HEIC picture."""
    if head[4:8] != b"ftyp":
        return False
    brand, compatible = head[8:12], {head[i : i + 4] for i in range(16, len(head) - 3, 4)}
    if brand in _GENERIC_BRANDS:
        return not compatible & _AVIF_BRANDS
    return brand in _HEIC_BRANDS


def webp_canvas(head: bytes) -> tuple[int, int] | None:
    """Return width and height of a WebP from its first 30 bytes, or None for anything else.

    Pillow's decoder allocates the whole canvas as soon as it opens such a file, so the limit on
    pixels has to be checked before.  The headers are those of RFC 9649 (the container and VP8L)
    and RFC 6386 (VP8).
    """
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    kind, low = head[12:16], 0x3FFF
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L" and head[20] == 0x2F:
        packed = int.from_bytes(head[21:25], "little")
        return (packed & low) + 1, (packed >> 14 & low) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        sides = head[26:28], head[28:30]
        width, height = (int.from_bytes(side, "little") & low for side in sides)
        return width, height
    return None


def check_size(size: tuple[int, int] | None, max_pixels: int, name: str) -> None:
    """Refuse a picture by its width and height, if they are known.

    Raises:
        ImageRejected: it has no pixels, too many, or is far longer than wide.
    """
    if size is None:
        return
    width, height = size
    if width < 1 or height < 1:
        raise ImageRejected(f"{name} has no pixels. Save it again.")
    if width * height > max_pixels:
        raise ImageRejected(
            f"{name} has {width}x{height} pixels, more than the limit of {max_pixels:,}. "
            "Make it smaller, or raise max_pixels."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageRejected(
            f"{name} has {width}x{height} pixels, longer than {MAX_ASPECT}:1. Cut it into pieces."
        )


def printable(name: str) -> str:
    """Return a file name with control and undecodable characters escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
