"""PackedLabel: one label of a prompt pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgeclip.errors import PackError
from edgeclip.model.pack_file import Reader, Writer, mapping, texts
from edgeclip.vectors import Vector


@dataclass(frozen=True, slots=True, eq=False)
class PackedLabel:
    """A label with its vectors."""

    name: str
    """As it appears in the answers."""
    prompts: tuple[str, ...]
    """The words that ``vectors`` were made of, or ``text_vectors`` when it was taught."""
    vectors: Vector
    """``(k, dim)`` unit vectors, ``k`` ≥ 1; the best cosine counts."""
    negatives: tuple[str, ...]
    """Words of what takes from this label alone."""
    negative_vectors: Vector
    """``(m, dim)`` unit vectors of ``negatives``, and one more when other pictures taught it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """``threshold`` and whatever else its table said."""
    lesson: Mapping[str, Any] | None = None
    """How it was taught; None: it was not."""
    text_vectors: Vector | None = None
    """What ``vectors`` were before it was taught."""
    text_negative_vectors: Vector | None = None
    """What ``negative_vectors`` were before it was taught."""

    @property
    def words(self) -> Vector:
        """``(k, dim)`` unit vectors of ``prompts``, whatever it was taught."""
        return self.vectors if self.text_vectors is None else self.text_vectors

    @classmethod
    def read(cls, reader: Reader, entry: Any) -> PackedLabel:
        """Make it from an entry of a pack's header.

        Raises:
            PackError: the entry is damaged.
        """
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise PackError("is damaged: a label has no name")
        taught = entry.get("lesson") is not None
        found = cls(
            entry["name"],
            texts(entry, "prompts"),
            reader.vectors(entry, "vectors"),
            texts(entry, "negatives"),
            reader.vectors(entry, "negative_vectors"),
            mapping(entry, "settings"),
            mapping(entry, "lesson") if taught else None,
            reader.vectors(entry, "text_vectors") if taught else None,
            reader.vectors(entry, "text_negative_vectors") if taught else None,
        )
        if not len(found.vectors) or len(found.words) != len(found.prompts):
            raise PackError("is damaged: a label has not as many vectors as prompts")
        return found

    def header(self, rows: Writer) -> dict[str, Any]:
        """Return what the pack's header says of it, after its vectors are put into ``rows``."""
        header: dict[str, Any] = {
            "name": self.name,
            "prompts": self.prompts,
            "vectors": rows.put(self.vectors),
            "negatives": self.negatives,
            "negative_vectors": rows.put(self.negative_vectors),
            "settings": self.settings,
            "lesson": self.lesson,
        }
        if self.text_vectors is not None and self.text_negative_vectors is not None:
            header["text_vectors"] = rows.put(self.text_vectors)
            header["text_negative_vectors"] = rows.put(self.text_negative_vectors)
        return header
