"""Temperature, throttling and the power supply, as a Raspberry Pi, a Jetson and others tell them.

A supply that is too weak damages SD cards before anything else shows.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from edgeclip.device.board import ROOT, is_raspberry_pi, number_of, text_of
from edgeclip.device.doctor.findings import Finding, failed, ok, warning

HOT = 80.0
"""Degrees Celsius from which a Raspberry Pi slows down; a Jetson does some 15 later."""
_SANE = (-40.0, 150.0)
_ASK_S = 5
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_LOW_VOLTAGE, _SLOW = 0x1, 0xE
_SINCE_BOOT = 16
# What slows a CPU or a GPU down when it is hot; a fan is a "cooling device", too.
_SLOWING = re.compile(r".*(cpufreq|devfreq|cpu-balanced|gpu-balanced|throttle).*")
_SUPPLY = "Use the official power supply and a short cable."


def findings(root: Path = ROOT) -> Iterator[Finding]:
    """Look at the temperature, and for what was slowed down or undersupplied."""
    yield _temperature(root)
    found = [*_raspberry_pi(root), *_voltage(root), *_cooling(root), *_jetson(root)]
    bad = [each for each in found if each.state != "ok"]
    # Two sensors of a Raspberry Pi tell of the same supply: the worse one is enough.
    yield from {each.message: each for each in bad}.values()
    if not bad:
        yield from found or [ok("throttling", "nothing here tells of any")]


def _temperature(root: Path) -> Finding:
    zones = dict(_zones(root))
    if not zones:
        return ok("temperature", "no sensor can be read here")
    name, degrees = max(zones.items(), key=lambda zone: zone[1])
    text = f"{degrees:.0f} °C ({name})"
    if degrees >= HOT:
        return warning("temperature", f"{text}: it slows down. Give it a heat sink or a fan.")
    return ok("temperature", text)


def _zones(root: Path) -> Iterator[tuple[str, float]]:
    """Yield name and degrees Celsius of each sensor that says something sensible."""
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        value = number_of(zone / "temp")
        if value is not None and _SANE[0] < value / 1000 < _SANE[1]:
            yield text_of(zone / "type") or zone.name, value / 1000


def _raspberry_pi(root: Path) -> Iterator[Finding]:
    bits = _throttled(root)
    if bits is None:
        if is_raspberry_pi(root) and shutil.which("vcgencmd"):
            yield warning(
                "throttling",
                "vcgencmd may not ask this Raspberry Pi whether it is throttled. Join the group "
                "video, and log in again.",
                "sudo usermod -aG video $USER",
            )
        return
    since = bits >> _SINCE_BOOT
    if bits & _LOW_VOLTAGE:
        yield _undersupplied()
    elif since & _LOW_VOLTAGE:
        yield warning("power", f"the voltage was too low since the last start. {_SUPPLY}")
    if bits & _SLOW:
        yield warning("throttling", "the CPU is slowed down now. Cool it, or use a better supply.")
    elif since & _SLOW:
        yield warning("throttling", "the CPU was slowed down since the last start. Cool it better.")
    if not bits:
        yield ok("throttling", "none since the last start, and the voltage was high enough")


def _throttled(root: Path) -> int | None:
    """Return the firmware's flags, from the kernel or from ``vcgencmd``."""
    for path in (root / "sys/devices/platform").glob("soc*/soc*:firmware/get_throttled"):
        with contextlib.suppress(ValueError):
            return int(text_of(path), 16)
    tool = shutil.which("vcgencmd")
    if tool is None:
        return None
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        command = [tool, "get_throttled"]
        said = subprocess.run(command, capture_output=True, timeout=_ASK_S, check=False).stdout
        return int(said.decode("ascii", "replace").strip().removeprefix("throttled="), 16)
    return None


def _voltage(root: Path) -> Iterator[Finding]:
    for sensor in (root / "sys/class/hwmon").glob("hwmon*"):
        if text_of(sensor / "name") == "rpi_volt" and number_of(sensor / "in0_lcrit_alarm"):
            yield _undersupplied()


def _undersupplied() -> Finding:
    return failed("power", f"the voltage is too low, which damages SD cards and data. {_SUPPLY}")


def _cooling(root: Path) -> Iterator[Finding]:
    """Look for what the kernel slows down at this moment."""
    devices = sorted((root / "sys/class/thermal").glob("cooling_device*"))
    known = [(text_of(each / "type"), number_of(each / "cur_state") or 0) for each in devices]
    slowed = [name for name, state in known if state > 0 and _SLOWING.fullmatch(name)]
    if slowed:
        yield warning("throttling", f"the kernel slows {slowed[0]} down now. Cool it better.")


def _jetson(root: Path) -> Iterator[Finding]:
    """Look at the counters of too much current of an Orin, and at the power mode of any Jetson."""
    counters = sorted((root / "sys/class/hwmon").glob("hwmon*/oc*_event_cnt"))
    events = sum(number_of(counter) or 0 for counter in counters)
    if events:
        yield warning(
            "throttling",
            f"the board was slowed down {events:,} times since the last start: it took too much "
            "current. Use a stronger supply, or a lower power mode.",
            "sudo nvpmodel -q",
        )
    mode = re.search(r"pmode:(\d+)", text_of(root / "var/lib/nvpmodel/status"))
    if mode:
        conf = text_of(root / "etc/nvpmodel.conf")
        name = re.search(rf"POWER_MODEL\s+ID={int(mode[1])}\s+NAME=(\S+)", conf)
        yield ok("throttling", f"power mode {name[1] if name else int(mode[1])} (nvpmodel)")
