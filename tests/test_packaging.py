"""What is handed to boards says what is true: the image for Arm, and the documents."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import click
import pytest

from edgeclip.cli import commands

ROOT = Path(__file__).parent.parent
HOSTS = r"https?://([\w.-]+)"


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def dockerfile() -> list[list[tuple[str, str]]]:
    """Return the instructions before the first stage, then those of each stage."""
    whole = re.sub(r"^#.*\n", "", text("Dockerfile.arm64"), flags=re.MULTILINE)
    whole = whole.replace("\\\n", " ")
    stages: list[list[tuple[str, str]]] = [[]]
    for line in filter(str.strip, whole.splitlines()):
        word, rest = line.split(None, 1)
        stages += [[]] if word == "FROM" else []
        stages[-1].append((word, rest))
    return stages


def told(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in stage if name == word]


class TestImage:
    head, build, last = dockerfile()

    def test_every_stage_begins_from_a_public_image_or_the_users(self):
        assert [told(stage, "FROM")[0] for stage in (self.build, self.last)] == [
            "${BASE} AS build",
            "${BASE}",
        ]
        assert dict(each.split("=") for each in told(self.head, "ARG")) == {
            "BASE": "debian:bookworm-slim",
            "PYTHON": "python3",
        }
        assert not re.findall(HOSTS, text("Dockerfile.arm64"))

    def test_the_last_stage_compiles_nothing_and_installs_nothing_from_pypi(self):
        said = " ".join(f"{word} {rest}" for word, rest in self.last)
        assert not re.search(r"\bpip\b|g\+\+|gcc|build-essential|-dev\b|-venv\b|torch", said)
        assert told(self.last, "COPY") == ["--from=build /opt/edgeclip /opt/edgeclip"]

    def test_what_is_not_needed_is_deleted_in_the_layer_that_brought_it(self):
        (run,) = told(self.last, "RUN")
        assert "--no-install-recommends" in run and "! -name copyright -delete" in run
        for path in ("/var/lib/apt/lists/*", "/usr/share/locale/*", "/usr/share/man/*"):
            assert path in run.split("rm -rf", 1)[1].split()

    def test_it_runs_as_a_user_with_volumes_and_a_health_check(self):
        (user,) = told(self.last, "USER")
        assert re.search(rf"useradd --uid [1-9]\d+ .*\b{user}\b", told(self.last, "RUN")[0])
        (check,) = told(self.last, "HEALTHCHECK")
        program, name, *rest = json.loads(check.split("CMD", 1)[1])
        assert program == "edgeclip" and set(rest) <= options(name)
        assert json.loads(told(self.last, "ENTRYPOINT")[0]) == ["edgeclip"]
        assert set(json.loads(told(self.last, "VOLUME")[0])) == {"/models", "/data"}
        words = [word for word, _ in self.last]
        assert words.index("USER") > words.index("RUN")

    def test_only_the_volumes_are_written(self):
        variables = dict(each.split("=", 1) for each in shlex.split(told(self.last, "ENV")[0]))
        for name in ("EDGECLIP_INDEX", "EDGECLIP_CACHE", "EDGECLIP_CONFIG"):
            assert PurePosixPath("/data") in PurePosixPath(variables[name]).parents
        assert variables["EDGECLIP_MODELS"] == "/models"
        assert not unread({name for name in variables if name.startswith("EDGECLIP_")})

    def test_hnswlib_runs_on_the_oldest_cores_and_leaves_other_arithmetic_alone(self):
        (run,) = (rest for rest in told(self.build, "RUN") if "hnswlib==" in rest)
        assert "HNSWLIB_NO_NATIVE=1" in run and "-march=armv8-a " in run
        assert "-fassociative-math -fno-signed-zeros -fno-trapping-math" in run
        assert not re.search(r"-ffast-math|-Ofast|-funsafe|native\b", run)

    def test_the_onnxruntime_that_was_asked_for_is_the_only_one(self, tmp_path):
        (run,) = (rest for rest in told(self.build, "RUN") if "needs.txt" in rest)
        script = re.search(r"-c '([^']*)' > needs.txt", run)
        assert script is not None
        done = subprocess.run(
            [sys.executable, "-c", script[1]], cwd=ROOT, capture_output=True, text=True, check=True
        )
        needs = done.stdout.split()
        wanted = tomllib.loads(text("pyproject.toml"))["project"]
        assert set(wanted["dependencies"]) - set(needs) == {
            each for each in wanted["dependencies"] if each.startswith("onnxruntime")
        }
        assert {"watchfiles", "pillow-heif", "hnswlib"} <= {re.split("[<>=]", n)[0] for n in needs}
        assert 'echo "${ONNXRUNTIME}" >> needs.txt' in run and "--no-deps ." in str(self.build)

    def test_what_is_copied_is_there_and_let_in(self):
        rules = [line for line in text(".dockerignore").splitlines() if line and line[0] != "#"]
        for copied in told(self.build, "COPY"):
            for source in copied.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert let_in(source.rstrip("/"), rules), source
        assert not let_in(".venv", rules) and not let_in("build", rules)
        assert not let_in("models/mobileclip_s2", rules) and not let_in(".git", rules)


def options(name: str) -> set[str]:
    """Return the options of a command of edgeclip."""
    command = commands.edgeclip.get_command(click.Context(commands.edgeclip), name)
    assert command is not None, name
    return {option for parameter in command.params for option in parameter.opts}


def let_in(path: str, rules: list[str]) -> bool:
    """Tell what a .dockerignore says of a path: the last rule for it, or for a folder above it."""
    kept = True
    for rule in rules:
        pattern = rule.lstrip("!")
        above = [path, *map(str, PurePosixPath(path).parents)]
        if any(
            each.count("/") == pattern.count("/") and fnmatch.fnmatch(each, pattern)
            for each in above
        ):
            kept = rule.startswith("!")
    return kept


def unread(names: set[str]) -> set[str]:
    """Return those of some variables that edgeclip does not look at."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "edgeclip").rglob("*.py"))
    return {name for name in names if f'"{name}"' not in code}


def test_the_guides_tell_what_was_not_tried_and_nothing_of_who_wrote_them():
    for name in ("docs/raspberry-pi.md", "docs/jetson.md"):
        said = text(name)
        assert "ot tried on a board" in said and "at hand" not in said
    arguments = set(re.findall(r"^- \*\*([A-Z]+)\*\* is", text("docs/jetson.md"), re.MULTILINE))
    assert len(arguments) == 3 and "Three build arguments" in text("docs/jetson.md")


def report():
    spec = importlib.util.spec_from_file_location(
        "report_arm64", ROOT / "packaging/report_arm64.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("usr/bin/aarch64-linux-gnu-g++-12", "a compiler"),
        ("usr/lib/gcc/aarch64-linux-gnu/12/cc1plus", "a compiler"),
        ("usr/bin/ld", "a compiler"),
        ("opt/edgeclip/lib/python3.11/site-packages/torch/__init__.py", "torch"),
        (
            "opt/edgeclip/lib/python3.11/site-packages/pip-25.0.dist-info/RECORD",
            "pip or setuptools",
        ),
        ("opt/edgeclip/bin/pip3.11", "pip or setuptools"),
        ("usr/share/man/man1/ls.1.gz", "manuals and docs"),
        ("usr/share/doc/bash/README.gz", "manuals and docs"),
        ("usr/share/locale/de/LC_MESSAGES/dpkg.mo", "locales"),
        ("var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease", "package lists"),
        ("usr/share/doc/bash/copyright", None),
        ("usr/bin/ldd", None),
        ("usr/bin/gpgv", None),
        ("opt/edgeclip/lib/python3.11/site-packages/edgeclip_export/graphs.py", None),
    ],
)
def test_what_has_no_place_in_the_image_is_recognised(name, what):
    unwanted = report().UNWANTED
    assert [each for each, pattern in unwanted.items() if re.search(pattern, name)] == (
        [what] if what else []
    )


def test_the_kept_report_is_green_and_names_no_machine():
    kept = text("benchmarks/arm64.md")
    assert kept.count("| yes |") >= 20 and "**no**" not in kept
    assert not re.search(r"/work|/root/|/home/|\.local\b|localhost", kept)
    assert set(re.findall(HOSTS, kept)) <= {"www.sqlite.org", "github.com"}


def test_the_script_builds_that_dockerfile_by_public_names_alone():
    script = text("packaging/build-arm64.sh")
    subprocess.run(["bash", "-n", str(ROOT / "packaging/build-arm64.sh")], check=True)
    assert "-f Dockerfile.arm64" in script and "--format docker" in script
    assert set(re.findall(HOSTS, script)) == {"deb.debian.org"}
    assert not re.search(r"mount[^\n]*/sys\b(?!/fs)", script.replace("/proc/sys", ""))
