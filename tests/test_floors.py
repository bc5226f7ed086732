"""The floors of the house and its gatekeepers, read from the sources alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "edgeclip").rglob("*.py"))

FLOORS = [
    "errors",
    "vectors",
    "model",
    "index",
    "watch",
    "advice",
    "device",
    "serve",
    "grow",
    "cli",
]
# Foreign library → the only files that may import it.
GATEKEEPERS = {
    "PIL": {"model/images.py", "model/sheet.py", "watch/plot.py"},
    "pillow_heif": {"model/images.py"},
    "tokenizers": {"model/tokens.py"},
    "ftfy": {"model/tokens.py"},
    "onnxruntime": {"model/session.py"},
    "sqlite3": {"index/database.py"},
    "hnswlib": {"index/hnsw.py"},
    "watchfiles": {"index/watching.py"},
    "cv2": {"watch/camera.py"},
    "picamera2": {"watch/camera.py"},
    "paho": {"watch/sinks/mqtt.py"},
    "uvicorn": {"serve/server.py"},
    "huey": {"serve/jobs/queue.py"},
    "redis": {"serve/jobs/queue.py"},
    "prometheus_client": {"serve/metrics.py"},
    "ray": {"grow/cluster.py"},
    "pyarrow": {"grow/tables.py"},
    "fsspec": {"grow/places.py"},
    "psycopg": {"grow/fleet/server.py"},
    "edgeclip_export": {"cli/export.py", "cli/quantize.py"},
}
# Foreign library → the only floor that may import it.
FRAMEWORKS = {"fastapi": "serve", "starlette": "serve", "pydantic": "serve", "anyio": "serve"}
FORBIDDEN = {"torch", "torchvision", "onnx", "open_clip", "timm"}


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the full names of what a file imports, also inside functions and TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: -node.level + 1 or None]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def described(path: Path) -> tuple[str, ast.AST, set[str]]:
    name = path.relative_to(ROOT / "edgeclip").as_posix()
    tree = ast.parse(path.read_text("utf-8"))
    return name, tree, set(imports(tree, ".".join(path.relative_to(ROOT).parent.parts)))


def floor(name: str) -> int:
    return FLOORS.index(name.partition(".")[0])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_stands_lower(path):
    name, _, found = described(path)
    own = name.removesuffix(".py").replace("/", ".")
    if own.partition(".")[0] not in FLOORS:
        assert name in ("__init__.py", "__main__.py"), f"{name} stands on no floor of the house"
        return
    inner = [module.removeprefix("edgeclip.") for module in found if module.startswith("edgeclip.")]
    for module in inner:
        if module.partition(".")[0] in FLOORS:
            assert floor(module) <= floor(own), f"{name} imports edgeclip.{module}, which is above"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_foreign_library_has_one_gatekeeper(path):
    name, _, found = described(path)
    for library in {module.partition(".")[0] for module in found}:
        assert library not in FORBIDDEN, f"{name} imports {library}"
        assert name in GATEKEEPERS.get(library, {name}), f"{name} imports {library}"
        assert name.startswith(FRAMEWORKS.get(library, "")), f"{name} imports {library}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_line_prints_and_exits(path):
    name, tree, _ = described(path)
    if name.startswith("cli/") or name == "__main__.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "exit", "quit", "sys.exit", "os._exit"), name
        assert not (isinstance(node, ast.Name) and node.id == "SystemExit" and _raised(tree, node))


def _raised(tree: ast.AST, name: ast.Name) -> bool:
    raises = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
    return any(name in ast.walk(raised) for raised in raises)


def test_the_gatekeepers_exist():
    # A gatekeeper that was renamed would leave its library unguarded without a failure.
    for library, names in GATEKEEPERS.items():
        for name in names:
            folder = ROOT / "edgeclip" / name.partition("/")[0]
            later = not folder.exists()  # a floor that is not built yet
            assert later or (ROOT / "edgeclip" / name).is_file(), f"{library}: {name}"


def test_relative_imports_are_resolved():
    tree = ast.parse("from . import a\nfrom .b import c\nfrom ..errors import d\nimport torch.nn")
    assert set(imports(tree, "edgeclip.model")) == {
        "edgeclip.model.a",
        "edgeclip.model.b.c",
        "edgeclip.errors.d",
        "torch.nn",
    }
