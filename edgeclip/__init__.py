"""MobileCLIP on small boards: pictures and words become unit vectors, offline and without torch.

>>> from edgeclip import Index, Model
>>> model = Model.load("starter")
>>> score = model.embed_image("cat.jpg") @ model.embed_text("a sleeping cat")
>>> with Index.open("photos.index", model.space) as index:
...     index.add("cat.jpg", model.embed_image("cat.jpg"))
...     index.search(model.embed_text("a sleeping cat"), count=5)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgeclip.errors import (
    EdgeclipError,
    FilterError,
    ImageRejected,
    InvalidItem,
    InvalidText,
    ModelError,
    ModelNotFound,
    SpaceMismatch,
    StoreError,
)

if TYPE_CHECKING:
    from edgeclip.advice.coach import coach as coach
    from edgeclip.advice.limits import Advice as Advice
    from edgeclip.index.index import Index as Index
    from edgeclip.index.items import Item as Item
    from edgeclip.model.classifier import Classifier as Classifier
    from edgeclip.model.model import Model as Model
    from edgeclip.model.pack import PromptPack as PromptPack
    from edgeclip.vectors import Match as Match
    from edgeclip.watch.events import Event as Event
    from edgeclip.watch.frame import Frame as Frame
    from edgeclip.watch.frames import frames as frames
    from edgeclip.watch.gate import ChangeGate as ChangeGate
    from edgeclip.watch.watcher import Watcher as Watcher

__version__ = "0.1.0"
__all__ = [
    "Advice",
    "ChangeGate",
    "Classifier",
    "EdgeclipError",
    "Event",
    "FilterError",
    "Frame",
    "ImageRejected",
    "Index",
    "InvalidItem",
    "InvalidText",
    "Item",
    "Match",
    "Model",
    "ModelError",
    "ModelNotFound",
    "PromptPack",
    "SpaceMismatch",
    "StoreError",
    "Watcher",
    "coach",
    "frames",
]

# Imported when they are first used: `import edgeclip` costs a few milliseconds.
_HOMES = {
    "Advice": "edgeclip.advice.limits",
    "ChangeGate": "edgeclip.watch.gate",
    "Classifier": "edgeclip.model.classifier",
    "Event": "edgeclip.watch.events",
    "Frame": "edgeclip.watch.frame",
    "Index": "edgeclip.index.index",
    "Item": "edgeclip.index.items",
    "Match": "edgeclip.vectors",
    "Model": "edgeclip.model.model",
    "PromptPack": "edgeclip.model.pack",
    "Watcher": "edgeclip.watch.watcher",
    "coach": "edgeclip.advice.coach",
    "frames": "edgeclip.watch.frames",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgeclip' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
