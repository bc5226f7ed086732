"""``edgeclip pack``: labels and their vectors in one small file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgeclip.cli import coach, labels, options, output


@click.command("pack")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), help="Default: FILE, as .pack."
)
@coach.hints_option
@options.as_json
@options.model_options
def pack_command(
    file: Path, target: Path | None, no_hints: bool, as_json: bool, **chosen: Any
) -> None:
    """Compile labels or rules to a file that needs no text tower.

    FILE is a .toml file of [[label]] or [[rule]] tables, or has a label a line.  A pack of the same
    name is replaced.

    Rules are for frames, which are wide: they are packed with --fit pad unless --fit is given.
    """
    from edgeclip.model.pack import PromptPack
    from edgeclip.model.prompts import read_prompts
    from edgeclip.watch.rules import rules_of

    target = file.with_suffix(".pack") if target is None else target
    options.check_target(target, ".pack")
    prompts = read_prompts(file)
    if prompts.rules and not options.is_given("fit"):
        chosen["fit"] = "pad"  # as watch looks at them
    model = options.load(**chosen)
    pack = PromptPack.compile(prompts, model)
    if prompts.rules:
        rules_of(pack)  # said here, not on the board
    size = pack.save(target)
    if not (no_hints or as_json):
        coach.hint(labels.all_texts(prompts), labels=True)
    made = {"output": str(target), "bytes": size, "model": pack.model, "fit": model.fit}
    names = [label.name for label in pack.labels]
    if as_json:
        negatives = len(pack.negatives) + sum(len(label.negatives) for label in pack.labels)
        made |= {"space": pack.space, "labels": names, "negatives": negatives, "none": pack.none}
        output.json_line(made)
        return
    fit = "" if model.fit == "crop" else f" with --fit {model.fit}"
    output.say(
        f"{output.printable(str(target))}: {output.counted(len(names), 'label')}, {size:,} bytes, "
        f"for {output.printable(pack.model)}{fit} (space {pack.space[:12]}…)"
    )
