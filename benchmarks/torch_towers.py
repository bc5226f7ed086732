"""The towers as torch modules, from the weights that the measured graphs were made of."""

from __future__ import annotations

from typing import Any


def tower(model: str, name: str) -> Any:
    """Return the ``image`` or ``text`` tower of ``mobileclip_s2`` (seeded) or ``starter``."""
    return _starter(name) if model == "starter" else _mobileclip(name)


def _mobileclip(name: str) -> Any:
    from edgeclip_export import checkpoints, pipeline, recipes, towers

    recipe = recipes.find_recipe("mobileclip_s2")
    model = pipeline.create_model(recipe.architecture)
    checkpoints.untrained(model, pipeline.SEED)
    fused: Any = towers.reparameterised(model)
    if name == "text":
        return towers.TextTower(fused).eval()
    prepared = recipe.preprocessing
    return towers.ImageTower(fused.visual, prepared.mean, prepared.std).eval()


def _starter(name: str) -> Any:
    from edgeclip_export.starter import assemble

    joined = assemble.join()
    return (joined.image if name == "image" else joined.text).eval()
