"""The ways in which a tower can be run on this board."""

from __future__ import annotations

from collections.abc import Sequence

from edgeclip.errors import ModelError
from edgeclip.model.cpus import usable_cpus
from edgeclip.model.manifest import Manifest
from edgeclip.model.options import SessionOptions
from edgeclip.model.providers import CPU, TENSORRT, resolved
from edgeclip.model.session import available_providers
from edgeclip.model.towers import ImageTower, TextTower, Variant
from edgeclip.model.tuned import Setting

# Azure's sends tensors to a service; TensorRT compiles for minutes, so it is for those who ask.
_LEFT_OUT = ("AzureExecutionProvider", TENSORRT)


def tower_of(manifest: Manifest, name: str) -> ImageTower | TextTower:
    """Return a tower by its name.

    Raises:
        ModelError: the model has no such tower.
    """
    tower = manifest.tower(name)
    if tower is None:
        raise ModelError(f"model {manifest.name} has no {name} tower. Leave --tower {name} out.")
    return tower


def towers_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the names of the towers that a model has."""
    return ("image", "text") if manifest.text is not None else ("image",)


def providers_here(wanted: Sequence[str] | None) -> list[str]:
    """Return the providers to try: those asked for, else all that compute on this board.

    Raises:
        ModelError: one that was asked for is not there.
    """
    available = available_providers()
    if wanted:
        return list(dict.fromkeys(resolved(wanted, available)))
    return [name for name in available if name not in _LEFT_OUT]


def thread_counts() -> list[int]:
    """Return the numbers of threads to try: 1, 2, 4 … and all CPUs of this process."""
    most = usable_cpus()
    return sorted({count for count in (1, 2, 4, 8, 16) if count < most} | {most})


def pairs(tower: ImageTower | TextTower, providers: Sequence[str]) -> list[tuple[str, str]]:
    """Return each variant with each provider that may run it, the default variant first."""
    names = sorted(tower.variants, key=lambda name: name != tower.default)
    return [
        (name, provider)
        for name in names
        for provider in providers
        if _may_run(tower.variants[name], provider)
    ]


def grid(
    tower: ImageTower | TextTower, providers: Sequence[str], threads: Sequence[int]
) -> list[Setting]:
    """Return all settings that `tune` compares, the usual one first.

    Variant, provider, threads, arena, and how far the graph is rewritten; what is kept of a graph
    changes no time but that of opening it, and an idle thread that spins is never worth it.
    """
    found = [
        Setting(variant, SessionOptions(count, (provider,), arena=arena, optimisation=level))
        for variant, provider in pairs(tower, providers)
        for count in (sorted({*threads}, reverse=True) if provider == CPU else [max(threads)])
        for arena in (False, True)
        for level in ("all", "extended")
    ]
    return [setting for setting in found if not _is_same(setting)]


def _may_run(variant: Variant, provider: str) -> bool:
    return variant.providers is None or provider in variant.providers


def _is_same(setting: Setting) -> bool:
    """Tell whether another setting is the same thing: other providers rewrite graphs themselves."""
    (provider,) = setting.options.providers or (CPU,)
    return provider != CPU and (setting.options.arena or setting.options.optimisation != "all")
