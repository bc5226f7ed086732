"""A child that is asked: whatever it does, the parent gets an answer or one clear error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeclip.errors import EdgeclipError
from edgeclip.model import child
from tests.patience import PATIENCE_S, PROMPT_S, until

DYING = "import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "


@pytest.fixture
def module(monkeypatch, tmp_path):
    """Write a module that children find, and return its name."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}")

    def write(source):
        (tmp_path / "asked_module.py").write_text(source, "utf-8")
        return "asked_module"

    return write


def work(body):
    """The source of a module that does what ``edgeclip.model.child.reply`` says."""
    return f"from edgeclip.model import child\ndef work(question):\n    {body}\nchild.reply(work)\n"


def failed(name, timeout_s=20.0):
    with pytest.raises(child.ChildFailed) as caught:
        child.ask(name, None, timeout_s=timeout_s)
    error = caught.value
    assert isinstance(error, EdgeclipError) and str(error) == error.reason
    assert error.reason and "\n" not in error.reason
    return error


@pytest.mark.parametrize(
    "question", [None, 3, "", "a\nb 'c' \"d\" ü", "\udcff\0", {"a": [1.5, None, True]}], ids=repr
)
def test_what_json_can_carry_comes_back(module, question):
    assert child.ask(module(work("return [question]")), question, timeout_s=20) == [question]


def test_noise_before_and_after_the_answer(module):
    noise = '"no answer"\n[1]\n{"problem": 1}\n3\n' + "[" * 9999
    source = f"print({noise!r})\n{work('print(1); return 7')}print({noise!r}); print('bye', end='')"
    assert child.ask(module(source), None, timeout_s=20) == 7


def test_an_answer_of_many_megabytes(module):
    assert len(child.ask(module(work("return 'x' * question")), 8_000_000, timeout_s=20)) == 8e6


def test_noise_that_fills_the_pipes(module):
    source = "import sys\nsys.stderr.write('x' * 1000000)\nprint('y' * 1000000)\n"
    assert child.ask(module(source + work("return 1")), None, timeout_s=20) == 1


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT"])
def test_a_crash_is_told_by_its_signal(module, name):
    error = failed(module(DYING + f"os.kill(os.getpid(), signal.{name})"))
    assert (error.verdict, error.told) == ("crashed", False) and name in error.reason


def test_a_signal_without_a_name(module):
    error = failed(module(DYING + "os.kill(os.getpid(), signal.SIGRTMIN + 3)"))
    assert error.verdict == "crashed" and "died of signal 37" in error.reason
    assert "memory" not in error.reason


def test_a_kill_by_the_kernel_is_told_in_words(module):
    error = failed(module(DYING + "os.kill(os.getpid(), signal.SIGKILL)"))
    assert error.reason.endswith("died of SIGKILL on this board, most likely of too little memory")


def test_a_crash_after_the_answer_is_a_crash(module):
    """A runtime that dies when it is closed would take the asking process with it."""
    assert failed(module(work("return 1") + DYING + "os.abort()")).verdict == "crashed"


def test_a_child_that_takes_too_long_is_killed(module, tmp_path):
    source = (
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    started = time.monotonic()
    error = failed(module(source), timeout_s=1.5)
    assert error.verdict == "timed out" and "longer than 1.5 s" in error.reason
    assert time.monotonic() - started < PROMPT_S
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


NESTED = """
import os, sys, time
from pathlib import Path
from edgeclip.model import child

def work(question):
    folder = Path(question)
    if (folder / "outer").exists():
        (folder / "inner").write_text(str(os.getpid()))
        time.sleep(60)
    (folder / "outer").write_text(str(os.getpid()))
    child.ask("asked_module", question, timeout_s=60)

child.reply(work)
"""
"""A child that asks a child, which takes too long."""
ASKER = """
import sys
from edgeclip.model import child
try:
    child.ask("asked_module", sys.argv[1], timeout_s=60)
except KeyboardInterrupt:
    sys.exit(7)
"""


def is_alive(path: Path) -> bool:
    """Whether a process runs whose number is in a file; one that nobody waits for runs no more."""
    try:
        stat = Path(f"/proc/{path.read_text()}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture
def nested(module, tmp_path):
    """A folder where both processes of `NESTED` leave their numbers; what is left is killed."""
    module(NESTED)
    yield tmp_path
    for name in ("outer", "inner"):
        if is_alive(tmp_path / name):
            os.kill(int((tmp_path / name).read_text()), signal.SIGKILL)


def test_what_a_child_has_asked_ends_with_it(nested):
    with pytest.raises(child.ChildFailed, match="longer than 2 s"):
        child.ask("asked_module", str(nested), timeout_s=2)
    assert (nested / "inner").exists()
    until(lambda: not is_alive(nested / "outer") and not is_alive(nested / "inner"))


@pytest.mark.parametrize("terminal", [False, True], ids=["asker alone", "terminal"])
def test_ctrl_c_ends_the_child_and_what_it_has_asked(nested, terminal):
    asker = subprocess.Popen([sys.executable, "-c", ASKER, str(nested)], start_new_session=True)
    until((nested / "inner").exists)
    (os.killpg if terminal else os.kill)(asker.pid, signal.SIGINT)
    assert asker.wait(timeout=PATIENCE_S) == 7
    until(lambda: not is_alive(nested / "outer") and not is_alive(nested / "inner"))


def test_ctrl_c_in_a_terminal_reaches_the_child_of_who_only_takes_notice(nested):
    """As ``edgeclip index`` does, which keeps first what it has."""
    source = "import signal; signal.signal(signal.SIGINT, lambda *_: None)\n" + ASKER
    asker = subprocess.Popen(
        [sys.executable, "-c", source, str(nested)],
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    until((nested / "inner").exists)
    os.killpg(asker.pid, signal.SIGINT)
    _, said = asker.communicate(timeout=PATIENCE_S)
    assert b"ChildFailed" in said
    until(lambda: not is_alive(nested / "outer") and not is_alive(nested / "inner"))


def test_an_exception_in_the_asker_ends_the_child(nested, monkeypatch):
    def interrupted(self, *_, **__):
        until((nested / "inner").exists)
        raise MemoryError

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(MemoryError):
        child.ask("asked_module", str(nested), timeout_s=60)
    until(lambda: not is_alive(nested / "outer") and not is_alive(nested / "inner"))


def test_a_child_ends_though_its_asker_is_killed(nested):
    asker = subprocess.Popen([sys.executable, "-c", ASKER, str(nested)])
    until((nested / "inner").exists)
    asker.kill()
    asker.wait()
    until(lambda: not is_alive(nested / "outer") and not is_alive(nested / "inner"))


def test_a_child_whose_asker_went_before_it_could_answer_does_nothing():
    code = "from edgeclip.model import child; child.reply(lambda _: print('done all the same'))"
    environment = {**os.environ, child._ASKER: "1"}  # not the parent of that process
    command = [sys.executable, "-c", code, "null"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


def test_a_problem_is_told_in_the_childs_words(module):
    body = "from edgeclip.errors import ModelError; raise ModelError('it is\\n  broken. Mend it.')"
    error = failed(module(work(body)))
    assert (error.verdict, error.told) == (
        "failed",
        True,
    ) and error.reason == "it is broken. Mend it."


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "no output"),
        ("raise SystemExit(3)", "no output"),
        ("print('Warning: something')", "no output"),
        ("raise ImportError('libcudart.so.12: no such file\\nand more.')", "and more"),
        ("import sys; sys.stderr.buffer.write(b'\\xff\\n')", "\N{REPLACEMENT CHARACTER}"),
        (work("return {}[3]"), "KeyError: 3"),
        (work("return object()"), "TypeError: Object of type object is not JSON serializable"),
        ("this is no Python", "SyntaxError: invalid syntax"),
    ],
    ids=["empty", "exit", "noise", "import", "no text", "bug", "no json", "syntax"],
)
def test_a_child_without_an_answer_says_its_last_words(module, source, reason):
    error = failed(module(source))
    assert (error.verdict, error.told, error.reason) == ("failed", False, reason)


def test_a_module_that_is_not_there():
    assert "No module named" in failed("edgeclip.model.absent").reason


@pytest.mark.parametrize("executable", [None, "", "/absent/python", "/etc/passwd"])
def test_where_no_python_can_be_started(monkeypatch, executable):
    monkeypatch.setattr(sys, "executable", executable)
    error = failed("edgeclip.model.child")
    assert error.verdict == "failed" and "no process can be started" in error.reason


def test_a_frozen_application_does_not_start_itself_again(monkeypatch, module, tmp_path):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "has no Python" in failed(module(f"open({str(tmp_path / 'x')!r}, 'w')")).reason
    assert not (tmp_path / "x").exists()


def test_a_question_that_is_too_long(module):
    with pytest.raises(child.ChildFailed, match="no process can be started"):
        child.ask(module(work("return 1")), "x" * 5_000_000, timeout_s=20)


def test_a_stray_module_in_the_working_folder_is_not_imported(module, monkeypatch, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "json.py").write_text("raise SystemExit('stray')")
    monkeypatch.chdir(folder)
    assert child.ask(module(work("return 1")), None, timeout_s=20) == 1


def test_the_child_gets_further_variables(module, monkeypatch):
    monkeypatch.setenv("EDGECLIP_OWN", "kept")
    name = module(work("import os; return [os.environ[v] for v in question]"))
    asked = ["EDGECLIP_OWN", "EDGECLIP_NEW"]
    found = child.ask(name, asked, timeout_s=20, environment={"EDGECLIP_NEW": "given"})
    assert found == ["kept", "given"] and "EDGECLIP_NEW" not in os.environ


def test_an_answer_is_one_line_of_its_own(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", json.dumps({"a": 1})])
    child.reply(lambda question: ["a\nb", question])
    before, line, after = capsys.readouterr().out.split("\n")
    assert before == after == ""
    assert json.loads(line) == {"problem": None, "value": ["a\nb", {"a": 1}]}
