"""What all tests share: a model of a few kilobytes, photographs, and no network."""

from __future__ import annotations

import os
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Child processes find the packages of this checkout wherever they are started.
_PATHS = [str(ROOT), str(ROOT / "export"), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _PATHS))
# Nothing is kept in the home of whoever runs the tests, and nothing found there is used.
for _name in ("EDGECLIP_CACHE", "EDGECLIP_CONFIG", "EDGECLIP_STATE"):
    os.environ[_name] = "off"
# A shell ignores Ctrl-C for what it starts with &, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Ray ends workers where the machine has little memory left, whoever has taken it.
os.environ["RAY_memory_monitor_refresh_ms"] = "0"  # noqa: SIM112
# A test provokes panics of the tokenizer's Rust half; their backtraces have hundreds of lines.
os.environ["RUST_BACKTRACE"] = "0"

settings.register_profile("edgeclip", derandomize=True, deadline=None, database=None)
settings.load_profile("edgeclip")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A model folder of `tests.tiny`, shared: copy it before you change it."""
    from tests import tiny

    return tiny.make(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def model(tiny_model):
    """The tiny model, loaded."""
    from edgeclip.model.model import Model

    return Model.load(tiny_model)


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of photographs in scikit-image's wheel."""
    # Found, not imported: it is installed without what it depends on.
    spec = find_spec("skimage")
    assert spec and spec.submodule_search_locations, "pip install --no-deps scikit-image"
    return Path(spec.submodule_search_locations[0]) / "data"


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch):
    """Keep the models and settings of whoever runs the tests out of them."""
    for name in ("EDGECLIP_MODEL", "EDGECLIP_MODELS", "EDGECLIP_INDEX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Refuse connections that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        local = self.family == socket.AF_UNIX or str(address[0]).startswith(
            ("127.", "::1", "local")
        )
        assert local, f"a test wants to connect to {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
