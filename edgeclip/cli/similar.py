"""``edgeclip similar``: one cosine."""

from __future__ import annotations

from typing import Any

import click

from edgeclip.cli import options, output


@click.command("similar")
@click.argument("a")
@click.argument("b")
@options.as_json
@options.model_options
def similar_command(a: str, b: str, as_json: bool, **chosen: Any) -> None:
    """Compare two pictures, two texts, or one of each.

    A and B are queries: an existing file is a picture, anything else is text, and "horse + stripes"
    is a sum.  Prints the cosine, from -1 to 1.
    """
    model = options.load(**chosen)
    cosine = float(model.embed_query(a) @ model.embed_query(b))
    if as_json:
        output.json_line({"a": a, "b": b, "cosine": cosine})
    else:
        output.say(f"{cosine:.4f}")
