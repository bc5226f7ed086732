"""``import edgeclip``: what it offers, what it costs, and the errors it may raise."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import edgeclip
from edgeclip import errors

HEAVY = {
    "sqlite3",
    "hnswlib",
    "torch",
    "onnx",
    "onnxruntime",
    "PIL",
    "tokenizers",
    "ftfy",
    "numpy",
    "open_clip",
    "cv2",
    "picamera2",
    "psycopg",
}

BASES = {
    "EdgeclipError": (Exception,),
    "ModelError": (errors.EdgeclipError, ValueError),
    "ModelNotFound": (errors.ModelError, FileNotFoundError),
    "ImageRejected": (errors.EdgeclipError, ValueError),
    "UnsupportedFormat": (errors.ImageRejected,),
    "InvalidText": (errors.EdgeclipError, ValueError),
    "QueryError": (errors.InvalidText,),
    "PromptError": (errors.InvalidText,),
    "PackError": (errors.EdgeclipError, ValueError),
    "StoreError": (errors.EdgeclipError, OSError),
    "StoreNotFound": (errors.StoreError, FileNotFoundError),
    "StoreLocked": (errors.StoreError, BlockingIOError),
    "StoreFull": (errors.StoreError,),
    "StoreReadOnly": (errors.StoreError, PermissionError),
    "StoreDamaged": (errors.StoreError,),
    "SpaceMismatch": (errors.EdgeclipError, ValueError),
    "InvalidItem": (errors.EdgeclipError, ValueError),
    "FilterError": (errors.EdgeclipError, ValueError),
    "CameraError": (errors.EdgeclipError, OSError),
    "FleetError": (errors.EdgeclipError, OSError),
    "ExtraMissing": (errors.EdgeclipError, ImportError),
    "PathRefused": (errors.EdgeclipError, PermissionError),
    "Busy": (errors.EdgeclipError, BlockingIOError),
    "ExportError": (errors.EdgeclipError, RuntimeError),
    "CheckpointError": (errors.ExportError, ValueError),
    "LicenseNotAccepted": (errors.ExportError, PermissionError),
    "ParityError": (errors.ExportError,),
}


def imported_by(statement: str, folder) -> set[str]:
    child = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    names = re.findall(r"^import time:.*\|\s*(\S+)$", child.stderr, re.MULTILINE)
    return {name.partition(".")[0] for name in names}


def test_the_front_door_is_pinned():
    assert edgeclip.__all__ == [
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


@pytest.mark.parametrize("name", edgeclip.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(edgeclip, name).__name__ == name
    assert getattr(edgeclip, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Modell"):
        edgeclip.Modell  # noqa: B018
    assert not hasattr(edgeclip, "Index2")


def test_the_version_is_the_distributions():
    import tomllib

    from tests.conftest import ROOT

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert edgeclip.__version__ == project["version"]


def test_import_is_light(tmp_path):
    found = imported_by("import edgeclip", tmp_path)
    assert "edgeclip" in found
    assert not found & HEAVY


def test_loading_a_model_brings_no_foreign_library_but_numpy(tiny_model, tmp_path):
    statement = f"from edgeclip import Model; Model.load({str(tiny_model)!r}).space"
    assert imported_by(statement, tmp_path) & HEAVY == {"numpy"}


def test_embedding_words_needs_no_pillow(tiny_model, tmp_path):
    statement = f"from edgeclip import Model; Model.load({str(tiny_model)!r}).embed_text('x')"
    found = imported_by(statement, tmp_path)
    assert "PIL" not in found and "torch" not in found


def test_embedding_pictures_needs_no_tokenizer(tiny_model, tmp_path):
    statement = (
        "import numpy; from edgeclip import Model; picture = numpy.zeros((9, 9, 3), 'uint8'); "
        f"Model.load({str(tiny_model)!r}).embed_image(picture)"
    )
    found = imported_by(statement, tmp_path)
    assert not found & {"tokenizers", "ftfy", "torch"}


def test_every_error_is_listed_here():
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.EdgeclipError)
    }
    assert classes == set(BASES)


@pytest.mark.parametrize(("name", "bases"), BASES.items())
def test_errors_have_their_documented_bases(name, bases):
    error = getattr(errors, name)
    assert issubclass(error, bases) and all(issubclass(error, base) for base in bases)
    # The tree in the docstring says the same, leaf for leaf.
    builtins = [base.__name__ for base in bases if base.__module__ == "builtins"]
    line = next(line for line in errors.__doc__.splitlines() if re.search(rf"\b{name}\b", line))
    assert all(f"({base})" in line for base in builtins if name != "EdgeclipError")
    assert str(error("a message")) == "a message"
    assert str(error()) == name
