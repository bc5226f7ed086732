"""Tell what the image for Arm holds and how it answered: `packaging/build-arm64.sh`.

``prepare TRIAL ROOT`` writes what the trial needs; ``report WORK IMAGE TARGET`` writes the results
and exits with 1 where one of them is not what it should be.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
CORES = {
    "cortex-a53": "Raspberry Pi 3, Zero 2 W",
    "cortex-a72": "Raspberry Pi 4",
    "cortex-a76": "Raspberry Pi 5",
}
MOST_MB = 350
CHECK = ["edgeclip", "doctor", "--quick"]
UNWANTED = {
    "torch": r"(dist|site)-packages/torch(vision)?/",
    "a compiler": r"bin/([\w-]*-)?(gcc|g\+\+|cc|c\+\+|clang|ld|as)(-[\d.]+)?$|/cc1",
    "pip or setuptools": r"(dist|site)-packages/(pip|setuptools)[-/]|bin/pip",
    "manuals and docs": r"usr/share/(man|info)/.|usr/share/doc/.*/(?!copyright)[^/]+$",
    "locales": r"usr/share/locale/.",
    "package lists": r"var/lib/apt/lists/.|var/cache/apt/archives/.*\.deb",
}
Check = tuple[str, str, str, bool]


def prepare(trial: Path, root: Path) -> None:
    """Write the image's environment and user, and five photographs."""
    config = _config(trial)
    (trial / "environment").write_text("".join(f"{each}\n" for each in config["Env"]), "utf-8")
    lines = (root / "etc/passwd").read_text("utf-8").splitlines()
    users = {name: f"{uid}:{gid}" for name, _, uid, gid, *_ in (line.split(":") for line in lines)}
    (trial / "user").write_text(users[config["User"]], "utf-8")
    spec = find_spec("skimage")
    assert spec is not None and spec.submodule_search_locations
    for name in PHOTOGRAPHS:
        shutil.copy(Path(spec.submodule_search_locations[0]) / "data" / name, trial / "photos")


def report(work: Path, image: str, target: Path) -> int:
    """Write the results; return 1 where one of them is not what it should be."""
    trial, archive = work / "trial", work / f"{image.replace(':', '-')}.tar"
    layers = list(_layers(archive))
    checks = [*_contents(layers), *_configured(trial), *_ran(trial), *_recalls(trial)]
    checks += [check for core in CORES for check in _vectors(trial, core)]
    target.write_text(_page(trial, layers, checks), "utf-8")
    for what, figure, bar, met in checks:
        sys.stdout.write(f"{'ok    ' if met else 'FAILED'}  {what}: {figure} ({bar})\n")
    return int(not all(met for *_, met in checks))


def _config(trial: Path) -> dict[str, Any]:
    image = json.loads((trial / "image.json").read_text("utf-8"))
    config: dict[str, Any] = image["Docker"]["config"]
    return config


def _layers(archive: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Yield what made each layer, its bytes and its names, those that a later one hides too."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> Any:
            file = tar.extractfile(name)
            assert file is not None
            return json.load(file)

        manifest = read("manifest.json")[0]
        history = [
            each for each in read(manifest["Config"])["history"] if not each.get("empty_layer")
        ]
        for name, made in zip(manifest["Layers"], history, strict=True):
            member = tar.getmember(name)
            target = tar.getmember(member.linkname) if member.islnk() or member.issym() else member
            file = tar.extractfile(target)
            with tarfile.open(fileobj=file) as layer:
                names = [entry.name for entry in layer if not entry.isdir()]
            yield made.get("created_by", ""), target.size, names


def _contents(layers: list[tuple[str, int, list[str]]]) -> Iterator[Check]:
    size = sum(bytes_ for _, bytes_, _ in layers) / 1e6
    yield "all layers, unpacked", f"{size:.0f} MB", f"<= {MOST_MB} MB", size <= MOST_MB
    for what, pattern in UNWANTED.items():
        found = [name for *_, names in layers for name in names if re.search(pattern, name)]
        yield f"{what} in any layer", found[0] if found else "none", "none", not found


def _configured(trial: Path) -> Iterator[Check]:
    config = _config(trial)
    user = (trial / "user").read_text("utf-8")
    yield "user", f"{config['User']} ({user})", "not root", not user.startswith("0:")
    entry = config["Entrypoint"]
    yield "entry point", " ".join(entry), "edgeclip", entry == ["edgeclip"]
    test = config["Healthcheck"]["Test"]
    yield "health check", " ".join(test[1:]), "edgeclip doctor --quick", test[1:] == CHECK
    volumes = sorted(config["Volumes"])
    yield "volumes", " ".join(volumes), "/data /models", volumes == ["/data", "/models"]


def _ran(trial: Path) -> Iterator[Check]:
    for name in ("doctor", "verify", "index", "search"):
        code = _text(trial, name, "code").strip()
        yield f"`edgeclip {name}`, read-only root, not root", f"exit {code}", "exit 0", code == "0"
    ranked = re.findall(r"0\.\d+\s+(\S+)", _text(trial, "search"))
    first = f"{ranked[0]}, {ranked[2]}" if len(ranked) == 4 else "no answers"
    wanted = "chelsea.png, rocket.jpg"
    yield 'first for "a cat" and "a rocket"', first, wanted, first == wanted


def _recalls(trial: Path) -> Iterator[Check]:
    here, there = _json(trial, "recall-here"), _json(trial, "recall")
    for ef, share in there["recall"].items():
        known = here["recall"][ef]
        what = f"hnswlib, recall@10 of 3,000 vectors at ef {ef}"
        yield what, f"{share:.4f}", f"x86-64's {known:.4f} - 0.005", share >= known - 0.005
    error = there["score_error"]
    yield "hnswlib's scores against exact ones, most", f"{error:.1e}", "<= 1e-5", error <= 1e-5
    kept = there["keeps_denormals"]
    yield "importing hnswlib leaves denormal numbers alone", "yes" if kept else "no", "yes", kept


def _vectors(trial: Path, core: str) -> Iterator[Check]:
    here, there = _json(trial, "vectors-here"), _json(trial, f"vectors-{core}")
    for what, key, bar in (
        ("image tower (fp16 weights, fp32 arithmetic)", "pictures", 0.9999),
        ("text tower (int8)", "texts", None),
    ):
        pairs = [(np.array(here[key][name]), np.array(there[key][name])) for name in here[key]]
        cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in pairs]
        figure = f"mean {np.mean(cosines):.6f}, least {min(cosines):.6f} of {len(cosines)}"
        met = bar is None or min(cosines) >= bar
        yield f"{core}, {what}, cosine to x86-64", figure, f">= {bar}" if bar else "measured", met


def _page(trial: Path, layers: list[tuple[str, int, list[str]]], checks: list[Check]) -> str:
    there = _json(trial, "vectors-cortex-a53")
    packages = there["packages"] | there["onnxruntime"]
    made_of = ", ".join(f"{name} {version}" for name, version in packages.items())
    lines = [
        "# arm64\n",
        "`Dockerfile.arm64`, built and tried by `make arm64` on an x86-64 machine: qemu-user runs",
        "what is compiled for Arm. No board was used, and nothing here is a speed.",
        f"{datetime.now(UTC).date()}. Python {there['python']}, {made_of}.\n",
        "| what | figure | should be | met |",
        "|---|---|---|---|",
        *(
            f"| {what} | {figure} | {bar} | {'yes' if met else '**no**'} |"
            for what, figure, bar, met in checks
        ),
        "\nThe commands run as qemu's Cortex-A53, the oldest 64-bit core of a Raspberry Pi, which",
        "has none of the newer instructions; the vectors also as the cores of newer boards:\n",
        *(f"- {core}: {boards}" for core, boards in CORES.items()),
        "\n## The layers\n",
        "| MB | made by |",
        "|---|---|",
        *(f"| {size / 1e6:.1f} | {_short(made)} |" for made, size, _ in layers),
    ]
    lines += [
        "\nBelow, what is read in /proc is the host's, and onnxruntime's complaints that there is",
        "no /sys are left out.",
    ]
    for name in ("doctor", "verify", "index", "search"):
        lines += [f"\n## edgeclip {name}\n", "```text", _shown(trial, name), "```"]
    return "\n".join(lines) + "\n"


def _shown(trial: Path, name: str) -> str:
    lines = (_text(trial, name) + _text(trial, name, "err")).strip().splitlines()
    kept = "\n".join(line for line in lines if not re.search("cpuinfo|cpuid_info", line))
    return re.sub(r"(Linux )\d[\w.-]+", r"\1(the host's)", kept)


def _short(made: str) -> str:
    made = re.sub(r"^(\|\d .*)?/bin/sh( -c )?(#\(nop\) )?", "", " ".join(made.split()))
    return f"`{made[:80]}`" if made else "the base image, made by debootstrap"


def _json(trial: Path, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_text(trial, name))
    return answer


def _text(trial: Path, name: str, kind: str = "txt") -> str:
    return (trial / f"{name}.{kind}").read_text("utf-8")


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "prepare":
        prepare(Path(rest[0]), Path(rest[1]))
    else:
        sys.exit(report(Path(rest[0]), rest[1], Path(rest[2])))
