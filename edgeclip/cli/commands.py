"""The list of commands: each is imported only when it is called, so ``--help`` answers at once."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

import click

# Name → module and one line of help; a test compares the lines with the commands' own.
COMMANDS: dict[str, tuple[str, str]] = {
    "export": ("export", "Turn a checkpoint into a verified model folder (needs torch)."),
    "quantize": ("quantize", "Make smaller and faster forms of a model, and keep what agrees."),
    "import": ("adopt", "Adopt ONNX files that were made elsewhere."),
    "models": ("models", "List the installed models."),
    "info": ("models", "Show what a model folder says of itself."),
    "verify": ("models", "Check a model's files and replay its goldens on this board."),
    "embed": ("embed", "Turn pictures and texts into vectors."),
    "classify": ("classify", "Rank labels for pictures, zero-shot."),
    "pack": ("pack", "Compile labels or rules to a file that needs no text tower."),
    "teach": ("teach", "Teach a pack's labels by example pictures."),
    "similar": ("similar", "Compare two pictures, two texts, or one of each."),
    "index": ("index", "Keep an index true to a folder of pictures."),
    "search": ("search", "Rank the pictures of an index, a folder or a fleet for queries."),
    "duplicates": ("duplicates", "Find pictures that show the same; nothing is deleted."),
    "groups": ("groups", "Group the pictures of an index that are alike."),
    "watch": ("watch", "Watch a camera, and tell what happens."),
    "serve": ("serve", "Serve the model, and an index where there is one, over HTTP."),
    "push": ("push", "Send what is new in an index to the server of a fleet."),
    "coach": ("coach", "Say what CLIP cannot do with a query, and what to ask instead."),
    "diagnose": ("diagnose", "Explain why a picture and a query get the score they get."),
    "doctor": ("doctor", "Look for faults of this board, its packages, model and index."),
    "bench": ("bench", "Measure a model on this board, in each of its variants."),
    "tune": ("tune", "Find how a model runs best on this board, and remember it."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"edgeclip.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name + "_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, or suggest the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from edgeclip import __version__

        click.echo(f"edgeclip {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version.",
)
def edgeclip() -> None:
    """Pictures and words become vectors, on small boards, offline.

    Exit codes: 0, 1 when something failed (one line on stderr says what to do), 2 for wrong use,
    3 when coach finds a query unsuitable, 130 when interrupted.
    """
