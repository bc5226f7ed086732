"""Where models are looked for."""

from __future__ import annotations

import pytest

import edgeclip
from edgeclip.errors import ModelNotFound
from edgeclip.model import library
from tests import folders


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """An empty home, an empty working folder and an empty package."""
    monkeypatch.chdir(_made(tmp_path / "work"))
    monkeypatch.setenv("XDG_DATA_HOME", str(_made(tmp_path / "data")))
    monkeypatch.setattr(edgeclip, "__file__", str(_made(tmp_path / "package") / "__init__.py"))
    return tmp_path


def _made(folder):
    folder.mkdir()
    return folder


def put(tiny_model, place, name):
    place.mkdir(parents=True, exist_ok=True)
    return folders.copied(tiny_model, place / name)


def test_a_path_is_taken_as_it_is(nowhere, tiny_model):
    assert library.find(tiny_model) == tiny_model
    assert library.find(str(tiny_model)) == tiny_model


def test_the_places_come_in_order(nowhere, tiny_model, monkeypatch):
    package = put(tiny_model, nowhere / "package" / "_models", "m")
    assert library.find("m") == package
    data = put(tiny_model, nowhere / "data" / "edgeclip" / "models", "m")
    assert library.find("m") == data
    work = put(tiny_model, nowhere / "work" / "models", "m")
    assert library.find("m").resolve() == work
    set_by_name = put(tiny_model, nowhere / "set", "m")
    monkeypatch.setenv("EDGECLIP_MODELS", str(nowhere / "set"))
    assert library.find("m") == set_by_name
    given = put(tiny_model, nowhere / "given", "m")
    assert library.find("m", models=nowhere / "given") == given
    assert [folder.name for folder in library.installed()] == ["m"]


def test_the_default_model(nowhere, tiny_model, monkeypatch):
    with pytest.raises(ModelNotFound, match="'starter' is not installed"):
        library.find()
    starter = put(tiny_model, nowhere / "package" / "_models", "starter")
    assert library.find() == starter
    preferred = put(tiny_model, nowhere / "data" / "edgeclip" / "models", "mobileclip_s2")
    assert library.find() == preferred
    monkeypatch.setenv("EDGECLIP_MODEL", "starter")
    assert library.find() == starter
    monkeypatch.setenv("EDGECLIP_MODEL", str(tiny_model))
    assert library.find() == tiny_model


def test_an_editable_install_looks_beside_the_package(nowhere, tiny_model):
    put(tiny_model, nowhere / "models", "beside")
    with pytest.raises(ModelNotFound):
        library.find("beside")
    (nowhere / "pyproject.toml").touch()
    assert library.find("beside") == nowhere / "models" / "beside"


def test_partial_folders_and_others_are_no_models(nowhere, tiny_model):
    models = nowhere / "work" / "models"
    put(tiny_model, models, ".m.partial-abc")
    (models / "empty").mkdir()
    (models / "file").touch()
    assert list(library.installed()) == []


@pytest.mark.parametrize("name", ["absent", "a/b", "x" * 5000, "a\0b", "../up", "ü", "a\nb"])
def test_what_is_not_installed_is_said_in_one_line(nowhere, tiny_model, name):
    put(tiny_model, nowhere / "work" / "models", "here")
    with pytest.raises(ModelNotFound, match="installed: here") as caught:
        library.find(name)
    message = str(caught.value)
    assert "\n" not in message.replace(name, "") and "edgeclip export" in message


def test_a_model_that_is_not_found_is_also_a_file_not_found(nowhere):
    with pytest.raises(FileNotFoundError):
        edgeclip.Model.load("absent")
    with pytest.raises(ValueError, match="installed: none"):
        edgeclip.Model.load("absent")


def test_a_user_without_a_home_has_all_other_places(nowhere, tiny_model, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(library.Path, "home", homeless)
    assert library.places() == [library.Path("models"), nowhere / "package" / "_models"]
    put(tiny_model, nowhere / "work" / "models", "m")
    assert library.find("m") == library.Path("models/m")


def test_keeping_nothing_hides_no_model(nowhere, tiny_model, monkeypatch):
    """``off`` is for caches and settings; models are no such thing."""
    monkeypatch.setenv("EDGECLIP_CACHE", "off")
    monkeypatch.setenv("EDGECLIP_CONFIG", "off")
    installed = put(tiny_model, nowhere / "data" / "edgeclip" / "models", "m")
    assert library.find("m") == installed
