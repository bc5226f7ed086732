"""``edgeclip models``, ``info`` and ``verify``: what is installed, and whether it is sound."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.advice.choices import NEEDS
from edgeclip.cli import options, output
from edgeclip.cli.needs import Need
from edgeclip.errors import EdgeclipError, ModelError
from edgeclip.model.identity import shares
from edgeclip.model.manifest import Manifest
from edgeclip.model.providers import short_name

if TYPE_CHECKING:
    from edgeclip.model.towers import ImageTower, TextTower
    from edgeclip.model.verify import Verdict


@click.command("models")
@options.models_folder
@click.option("--advise", is_flag=True, help="Which model for what, and what CLIP is not for.")
@click.option(
    "--need",
    "needs",
    multiple=True,
    type=Need(),
    metavar="WORD",
    help=f"With --advise: only what serves a need (give it twice: both): {', '.join(NEEDS)}.",
)
@click.option("--markdown", is_flag=True, help="With --advise: print docs/choosing.md.")
@options.as_json
def models_command(
    models: Path | None, advise: bool, needs: tuple[str, ...], markdown: bool, as_json: bool
) -> None:
    """List the installed models."""
    if advise:
        _advise(needs, markdown=markdown, as_json=as_json)
        return
    if needs or markdown:
        raise click.UsageError("--need and --markdown want --advise.")
    _list(models, as_json=as_json)


def _advise(needs: tuple[str, ...], *, markdown: bool, as_json: bool) -> None:
    from edgeclip.advice import choices
    from edgeclip.cli.advise import advise

    if not markdown:
        advise(needs, as_json=as_json)
    elif needs or as_json:
        raise click.UsageError("--markdown prints all of docs/choosing.md: no --need, no --json.")
    else:
        click.echo(choices.markdown(), nl=False)


def _list(models: Path | None, *, as_json: bool) -> None:
    from edgeclip.model import library

    rows = [_summary(folder) for folder in library.installed(models)]
    default = _default(models)
    for row in rows:
        row["default"] = row["folder"] == default
    if as_json:
        output.json_line(rows)
        return
    if not rows:
        output.note("no models are installed. Make one with: edgeclip export mobileclip_s2")
        return
    header = ("name", "dim", "MB", "licence", "for products", "folder")
    shown = [
        (
            row["name"] + _remark(row),
            row["dim"] or "",
            f"{row['bytes'] / 1e6:.1f}",
            row["license"] or "",
            {True: "yes", False: "no", None: "?"}[row["commercial_use"]],
            row["folder"],
        )
        for row in rows
    ]
    output.table(header, shown)
    for row in rows:
        if row["error"]:
            output.note(output.printable(row["error"]))


def _default(models: Path | None) -> str | None:
    """Return the folder that is used when no model is named."""
    from edgeclip.model import library

    try:
        return str(library.find(models=models))
    except ModelError:  # EDGECLIP_MODEL may name what is not there
        return None


def _remark(row: dict[str, Any]) -> str:
    if row["error"]:
        return " (damaged)"
    if row["untrained"]:
        return " (random weights)"
    return " (default)" if row["default"] else ""


def _summary(folder: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "name": folder.name,
        "dim": None,
        "bytes": 0,
        "license": None,
        "commercial_use": None,
        "untrained": False,
        "folder": str(folder),
        "error": None,
    }
    try:
        manifest = Manifest.load(folder)
    except ModelError as error:
        return {**empty, "error": str(error)}
    return {
        **empty,
        "dim": manifest.dim,
        "bytes": sum(entry.bytes for entry in manifest.files.values()),
        "license": manifest.record["license"]["name"],
        "commercial_use": manifest.record["license"]["commercial_use"],
        "untrained": manifest.untrained,
    }


@click.command("info")
@click.argument("model", required=False)
@options.models_folder
@options.as_json
def info_command(model: str | None, models: Path | None, as_json: bool) -> None:
    """Show what a model folder says of itself."""
    from edgeclip.model import library

    manifest = Manifest.load(library.find(model, models=models))
    if as_json:
        output.json_line(options.told(manifest))
        return
    manifest.warn_if_untrained()
    record, image = manifest.record, manifest.image
    rows = [
        ("name", manifest.name),
        ("folder", manifest.folder),
        ("vectors", f"{manifest.dim} numbers, space {manifest.space[:16]}…"),
        ("pictures", f"{image.size}x{image.size}, {image.resize} side, {image.filter}"),
        ("words", _words(manifest)),
        *_uint8(record["image"]),
        ("logit scale", f"{manifest.logit_scale:.2f}"),
        ("licence", f"{record['license']['name']}: {record['license']['consequence']}"),
        ("licence text", record["license"]["url"]),
        ("source", _source(record["source"])),
        ("made by", ", ".join(f"{key} {value}" for key, value in record["made_by"].items())),
        *((a["task"], f"{a['value']} {a['unit']} ({a['source']})") for a in record["accuracy"]),
        *((name, _size(file.bytes)) for name, file in manifest.files.items()),
    ]
    output.table((), rows)
    output.say()
    _print_variants(manifest)


def _words(manifest: Manifest) -> str:
    if manifest.text is None:
        return "no text tower"
    return "left out here" if manifest.spared else f"{manifest.text.context_length} tokens"


def _print_variants(manifest: Manifest) -> None:
    """Print the variants of each tower, and those that were made and refused."""
    towers = {name: found for name in ("image", "text") if (found := manifest.tower(name))}
    header = ("tower", "variant", "MB", "mean", "least", "neighbours", "space", "runs on", "file")
    rows = [row for name, tower in towers.items() for row in _variant_rows(manifest, name, tower)]
    output.table((*header, "measured over"), rows)
    refused = [row for name in towers for row in _refused_rows(name, manifest.record[name])]
    if refused:
        output.say()
        output.table(("refused", "variant", "mean", "least", "time", "reason"), refused)


def _variant_rows(
    manifest: Manifest, name: str, tower: ImageTower | TextTower
) -> Iterator[tuple[object, ...]]:
    stated = manifest.record[name]["variants"]
    for key, variant in tower.variants.items():
        agreement = variant.agreement
        neighbours = agreement and agreement.neighbours
        yield (
            name,
            key + (" (default)" if key == tower.default else ""),
            f"{manifest.files[variant.file].bytes / 1e6:.1f}",
            *((f"{agreement.mean:.5f}", f"{agreement.least:.5f}") if agreement else ("", "")),
            "" if neighbours is None else f"{neighbours:.3f}",
            "shared" if shares(stated[key], manifest.record) else "its own",
            ", ".join(map(short_name, variant.providers)) if variant.providers else "any",
            variant.file,
            agreement.over if agreement else "it is the reference",
        )


def _refused_rows(name: str, entry: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for key, told in (entry.get("refused") or {}).items():
        agreement, ratio = told.get("agreement"), told.get("time_ratio")
        yield (
            name,
            key,
            *((f"{agreement['mean']:.5f}", f"{agreement['least']:.5f}") if agreement else ("", "")),
            "" if ratio is None else f"x{ratio:.2f}",
            told["reason"],
        )


def _uint8(image: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the row of the graph with the preprocessing inside, where there is one."""
    if "pixels" not in image:
        return []
    told = image["pixels"]
    made_of = f"made of {told['variant']}, least cosine {told['agreement']['least']:.6f}"
    return [
        ("8-bit pictures", f"{told['file']}: {told['input']} in, {told['output']} out, {made_of}")
    ]


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _source(source: dict[str, Any]) -> str:
    known = [source["kind"], *(source.get(key) for key in ("repository", "revision", "file"))]
    return " ".join(str(part) for part in known if part)


@click.command("verify")
@click.argument("model", required=False)
@options.models_folder
@options.timeout("Seconds for the goldens.", default=600.0)
@options.as_json
def verify_command(model: str | None, models: Path | None, timeout_s: float, as_json: bool) -> None:
    """Check a model's files and replay its goldens on this board.

    The goldens run in a child process: a runtime that crashes is a verdict, not a crash.
    """
    from edgeclip.model import library
    from edgeclip.model.verify import verify

    folder = library.find(model, models=models)
    verdict = verify(folder, timeout_s=timeout_s)
    manifest = Manifest.read(folder)
    manifest.warn_if_untrained()
    hashes = {name: entry.sha256 for name, entry in manifest.files.items()}
    if as_json:
        output.json_line({**dataclasses.asdict(verdict), "sha256": hashes})
    else:
        _print(verdict, hashes)
    if not verdict.ok:
        raise EdgeclipError(
            f"verdict on model {verdict.model}: {verdict.verdict}. {verdict.reason}"
        )


def _print(verdict: Verdict, hashes: dict[str, str]) -> None:
    rows = [(name, hashes[name][:16] + "…", state) for name, state in verdict.files.items()]
    output.table(("file", "SHA-256", "state"), rows)
    output.say()
    if verdict.goldens:
        cosines = [(tower, f"{cosine:.6f}") for tower, cosine in verdict.goldens.items()]
        output.table(("goldens", "least cosine"), cosines)
        output.say(f"computed by {verdict.computed_by}\n")
    output.say(f"{verdict.model}: {verdict.verdict}")
