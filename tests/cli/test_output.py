"""Tables, names and progress bars."""

from __future__ import annotations

import os
import pty
import sys
import termios

import pytest

from edgeclip.cli import output
from tests.cli.conftest import write_picture


def test_a_table_puts_numbers_right_and_words_left(capsys):
    output.table(("n", "name"), [(1, "one"), (1234, "a long one"), (2.5, "")])
    assert capsys.readouterr().out.splitlines() == [
        "   n  name",
        "   1  one",
        "1234  a long one",
        " 2.5",
    ]


@pytest.mark.parametrize(
    ("header", "rows", "lines"),
    [
        ((), [("a", "b")], ["a  b"]),
        (("x", "y"), [], ["x  y"]),
        ((), [], []),
        (("x",), [("1,000",), ("",)], ["    x", "1,000", ""]),
    ],
)
def test_odd_tables(capsys, header, rows, lines):
    output.table(header, rows)
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name é 猫.jpg", "plain name é 猫.jpg"),
        ("two\nlines\t", r"two\nlines\t"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("not\udcffutf8", r"not\xffutf8"),
        ("turned\u202eround", r"turned\u202eround"),
    ],
)
def test_names_are_shown_on_one_plain_line(name, shown):
    assert output.printable(name) == shown


def test_json_is_ascii_and_keeps_every_name(capsys):
    output.json_line({"name": "猫\udcff\n"})
    assert capsys.readouterr().out == '{"name": "\\u732b\\udcff\\n"}\n'


def on_a_terminal(arguments, stdout=None):
    """Run a command whose stderr is a terminal; return its code and what was shown there."""
    child, master = pty.fork()
    if child == 0:
        termios.tcsetwinsize(2, (24, 80))
        if stdout is not None:
            os.dup2(stdout, 1)
        os.execv(sys.executable, [sys.executable, "-m", "edgeclip", *arguments])
    shown = b""
    try:
        while data := os.read(master, 65536):
            shown += data
    except OSError:  # Linux reports the end of a terminal as an error
        pass
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


@pytest.fixture
def folder(here):
    for seed in range(6):
        write_picture(here / "folder" / f"{seed}.png", seed)
    (here / "folder" / "bad.png").write_bytes(b"none")
    return "folder"


def test_a_bar_is_shown_on_a_terminal_only(shell, folder):
    arguments = ["search", "cat", "--in", folder]
    code, shown = on_a_terminal(arguments)
    assert code == 0 and "/7 [" in shown and "picture/s" in shown
    # The bar is gone before anything else is printed.
    assert "\nedgeclip: left out: folder/bad.png" in shown.replace("\r", "\n")
    done = shell(*arguments)
    assert done.returncode == 0
    assert done.stderr.startswith(b"edgeclip: left out") and done.stderr.count(b"\n") == 1


def test_lines_that_pass_by_are_not_garbled_by_a_bar(folder, here):
    arguments = ["embed", folder, "--json"]
    code, shown = on_a_terminal(arguments)
    assert code == 1 and "picture/s" not in shown
    with (here / "out").open("wb") as file:
        code, shown = on_a_terminal(arguments, file.fileno())
    assert code == 1 and "picture/s" in shown
    assert (here / "out").read_bytes().count(b"\n") == 7
