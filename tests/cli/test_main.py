"""Exit codes and what stands on stderr, whatever happens."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import warnings

import click
import pytest

from edgeclip import __version__
from edgeclip import cli as package
from edgeclip.cli.commands import COMMANDS, edgeclip
from tests import folders
from tests.cli.conftest import write_picture
from tests.patience import PATIENCE_S, until

USES_A_MODEL = {
    "info": [],
    "verify": [],
    "embed": ["--text", "a cat"],
    "classify": ["a.png", "-l", "cat"],
    "similar": ["cat", "dog"],
    "search": ["cat", "--in", "."],
}


def with_model(command: str, model: object) -> list[object]:
    if command in ("info", "verify"):
        return [command, model]
    return [command, *USES_A_MODEL[command], "--model", model]


@pytest.fixture
def picture(here):
    return write_picture(here / "a.png")


@pytest.mark.parametrize("command", USES_A_MODEL)
@pytest.mark.parametrize("json", [[], ["--json"]], ids=["people", "json"])
def test_success_is_0_and_silent_on_stderr(cli, picture, command, json):
    done = cli(command, *USES_A_MODEL[command], *json)
    assert (done.code, done.err) == (0, "") and done.out


@pytest.mark.parametrize("command", USES_A_MODEL)
def test_a_missing_model(cli, picture, command):
    done = cli(*with_model(command, "absent"))
    assert (done.code, done.out) == (1, "")
    assert "'absent' is not installed" in done.line and "edgeclip export absent" in done.line


@pytest.mark.parametrize("command", USES_A_MODEL)
def test_a_file_as_model(cli, picture, command):
    done = cli(*with_model(command, picture))
    assert done.code == 1 and f"{picture} is no model folder" in done.line


@pytest.mark.parametrize("command", USES_A_MODEL)
def test_a_damaged_manifest(cli, picture, command, tiny_model, here):
    model = folders.copied(tiny_model, here / "damaged")
    (model / "model.json").write_text('{"format": 1,')
    done = cli(*with_model(command, model))
    assert (done.code, done.out) == (1, "") and "model.json is damaged" in done.line


@pytest.mark.parametrize("command", ["embed", "classify", "similar", "search"])
def test_a_rotted_graph(cli, picture, command, tiny_model, here):
    model = folders.copied(tiny_model, here / "rotted")
    for name in ("image.onnx", "text.onnx"):
        data = bytearray((model / name).read_bytes())
        data[len(data) // 2] ^= 1
        (model / name).write_bytes(data)
    done = cli(*with_model(command, model))
    assert (done.code, done.out) == (1, "") and ".onnx is damaged: its SHA-256" in done.line


@pytest.mark.parametrize("command", ["embed", "classify", "similar", "search", "verify", "info"])
def test_random_weights_are_always_said(cli, picture, command, here):
    source = {"kind": "untrained", "weights_sha256": "0" * 64}
    from tests import tiny

    model = tiny.make(here / "untrained", source=source)
    done = cli(*with_model(command, model))
    assert done.code == 0 and done.out
    assert "untrained has random weights: its answers mean nothing" in done.line


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["embed"],
        ["embed", "a.png", "--threads", "0"],
        ["embed", "a.png", "--threads", "many"],
        ["embed", "a.png", "--fit", "stretch"],
        ["embed", "a.png", "--models", "absent"],
        ["embed", "-a.png"],
        ["classify", "a.png"],
        ["similar", "cat"],
        ["search"],
        ["search", "cat", "--in", ".", "--count", "0"],
        ["search", "cat", "--in", ".", "--min-score", "2"],
        ["search", "cat", "--in", ".", "--min-score", "nan"],
        ["verify", "--timeout", "0"],
        ["verify", "--timeout", "nan"],
        ["verify", "--timeout", "1e300"],
        ["models", "extra"],
        ["import", "a.onnx"],
        ["export"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_2(cli, picture, arguments):
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "") and "Usage: edgeclip" in done.err


def test_a_provider_that_is_not_there(cli, picture):
    done = cli("embed", picture, "--provider", "NoExecutionProvider")
    assert done.code == 1 and "has no NoExecutionProvider (it has: " in done.line


def test_words_with_a_dash_get_a_hint(cli, picture):
    done = cli("similar", "-cat", "dog")
    assert done.code == 2 and done.err.endswith("begin with a dash.\n")
    assert cli("similar", "--", "-cat", "dog").code == 0


def test_help_lists_every_command_with_its_own_line(cli):
    done = cli("--help")
    assert (done.code, done.err) == (0, "")
    for name, (module, line) in COMMANDS.items():
        command = getattr(importlib.import_module(f"edgeclip.cli.{module}"), f"{name}_command")
        assert command.name == name
        assert command.help.partition("\n")[0] == line
        assert f"  {name} " in done.out and line in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_and_has_json(cli, command):
    done = cli(command, "-h")
    assert done.code == 0 and done.out.startswith(f"Usage: edgeclip {command} ")
    assert "--json" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_no_command_shows_the_help(cli):
    assert (cli().code, cli("-h").code) == (2, 0)


def test_the_version(cli):
    assert cli("--version").out == f"edgeclip {__version__}\n"


def test_help_imports_nothing_heavy():
    heavy = ("numpy", "onnxruntime", "PIL", "tokenizers", "ftfy", "tqdm", "torch")
    script = (
        "import sys; from edgeclip.cli import run; code = run(['--help']); "
        f"sys.exit(','.join(m for m in {heavy} if m in sys.modules) or code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_listing_models_opens_no_runtime(shell, tiny_model):
    script = (
        "import sys; from edgeclip.cli import run; code = run(['models']); "
        "sys.exit(','.join(m for m in ('onnxruntime', 'PIL') if m in sys.modules) or code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def raising(monkeypatch, error):
    @click.command("models")
    def command():
        raise error

    monkeypatch.setattr(edgeclip, "get_command", lambda *_: command)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(), 0, None),
        (OSError(28, "No space left on device"), 1, "the output cannot be written: No space"),
        (PermissionError(13, "Permission denied", "a\nb"), 1, "a b: Permission denied. Check"),
        (FileNotFoundError(2, "No such file or directory", 7), 1, "7: No such file"),
        (RuntimeError("lost\x1b[2J\nmy way"), 1, "internal error (RuntimeError: lost\\x1b[2J my"),
        (MemoryError(), 1, "internal error (MemoryError: )"),
        (RecursionError("deep"), 1, "EDGECLIP_DEBUG=1 shows where"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_raised_is_one_line(cli, monkeypatch, error, code, said):
    raising(monkeypatch, error)
    done = cli("models")
    assert done.code == code
    assert (said is None and not done.err) or said in done.line


def test_the_debug_switch_shows_the_traceback(cli, monkeypatch):
    raising(monkeypatch, RuntimeError("lost"))
    monkeypatch.setenv("EDGECLIP_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli("models")


def test_warnings_are_one_line_and_stay_inside(cli, monkeypatch):
    @click.command("models")
    def command():
        warnings.warn("old\nruntime", stacklevel=1)

    monkeypatch.setattr(edgeclip, "get_command", lambda *_: command)
    before = warnings.showwarning
    assert cli("models").line == "edgeclip: warning: old runtime"
    assert warnings.showwarning is before


def test_output_that_is_cut_is_no_failure(shell, album):
    read, write = os.pipe()
    os.close(read)
    done = shell("embed", "album", "--json", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_leaves_early(here, album):
    program = f"{sys.executable} -m edgeclip"
    script = f"{program} embed album --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    first, code = done.stdout.splitlines()
    assert (code, done.stderr) == ("0", "") and "album/a.jpg" in first


@pytest.mark.parametrize("arguments", [["--help"], ["info"], ["embed", "--text", "a", "--json"]])
def test_a_full_disk_behind_stdout(shell, arguments):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = shell(*arguments, stdout=full)
    said = b"edgeclip: the output cannot be written: No space left on device. Free some space.\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_closed_streams(here):
    for closed, code in (("<&-", 1), (">&-", 0), ("2>&-", 0)):
        path = "-" if closed == "<&-" else "a.png"
        write_picture(here / "a.png")
        script = f"{sys.executable} -m edgeclip embed {path} {closed}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
        assert done.returncode == code, (closed, done)
        assert done.stderr.count("\n") == code and "internal" not in done.stderr


def test_a_terminal_that_knows_no_unicode(shell, picture, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    done = shell("embed", picture)
    assert done.returncode == 0 and b"\\u2026" in done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(here, number, code):
    command = [sys.executable, "-m", "edgeclip", "embed", "--stdin", "-o", "out.csv"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: list(here.glob(".edgeclip-*")))  # the temporary file is there: it waits for paths
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert said == ("edgeclip: interrupted.\n" if number == signal.SIGINT else "")
    assert list(here.iterdir()) == []


def test_python_m_edgeclip(shell):
    done = shell("--version")
    assert done.stdout.decode() == f"edgeclip {__version__}\n"


def test_only_main_touches_the_process(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["edgeclip", "--version"])
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            package.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 0
