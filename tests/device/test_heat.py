"""Heat and power: what a Raspberry Pi, a Jetson and others tell of them."""

from __future__ import annotations

import pytest

from edgeclip.device.doctor import heat
from tests.device.conftest import PI_5, only, states

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
ZONE = "sys/class/thermal/thermal_zone0"
COOLING = "sys/class/thermal/cooling_device0"
HWMON = "sys/class/hwmon/hwmon3"
FLAGS = [
    ("0", []),
    ("1", [("power", "failed", "voltage is too low")]),
    ("10000", [("power", "warning", "voltage was too low since")]),
    ("2", [("throttling", "warning", "slowed down now")]),
    ("80008", [("throttling", "warning", "slowed down now")]),
    ("e0000", [("throttling", "warning", "slowed down since|was slowed down since")]),
    ("50005", [("power", "failed", "too low"), ("throttling", "warning", "slowed down now")]),
]


@pytest.fixture(autouse=True)
def _no_tools(tools):
    """On a real Raspberry Pi these tests must not ask its firmware."""


def check(found, expected):
    bad = [each for each in found if each.state != "ok"]
    assert [(each.check, each.state) for each in bad] == [(c, s) for c, s, _ in expected]
    for each, (_, _, text) in zip(bad, expected, strict=True):
        assert any(part in each.message for part in text.split("|"))


@pytest.mark.parametrize(("flags", "expected"), FLAGS)
def test_flags_of_the_firmware_by_the_kernel(tree, flags, expected):
    check(heat.findings(tree({FIRMWARE: f"{flags}\n"})), expected)


@pytest.mark.parametrize(("flags", "expected"), FLAGS)
def test_flags_of_the_firmware_by_vcgencmd(tree, tools, flags, expected):
    tools("vcgencmd", f'[ "$1" = get_throttled ] && echo throttled=0x{flags}')
    check(heat.findings(tree()), expected)


@pytest.mark.parametrize("script", ["echo VCHI initialization failed", "exit 1"])
def test_a_raspberry_pi_that_does_not_tell(tree, tools, script):
    tools("vcgencmd", script)
    model = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"}
    found = only(heat.findings(tree(model)))
    assert found.state == "warning" and "usermod -aG video" in found.command


def test_a_raspberry_pi_that_cannot_be_asked(tree):
    """In a container there is nothing that could."""
    model = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"}
    assert states(heat.findings(tree(model))) == []


def test_a_raspberry_pi_5_on_which_all_is_well(tree):
    found = list(heat.findings(tree(PI_5)))
    assert states(found) == [] and "51 °C (cpu-thermal)" in found[0].message
    assert found[1].message.startswith("none since the last start")


def test_the_voltage_sensor(tree):
    sensor = {f"{HWMON}/name": "rpi_volt\n", f"{HWMON}/in0_lcrit_alarm": "1\n"}
    check(heat.findings(tree(sensor)), [("power", "failed", "damages SD cards")])
    # The firmware tells of the same supply: once is enough.
    found = only(heat.findings(tree(sensor, {FIRMWARE: "10001"})))
    assert found.check == "power"


def test_the_sensor_when_the_voltage_is_good(tree):
    sensor = {f"{HWMON}/name": "rpi_volt\n", f"{HWMON}/in0_lcrit_alarm": "0\n"}
    assert states(heat.findings(tree(sensor))) == []


@pytest.mark.parametrize(
    ("temp", "state", "text"),
    [
        ("79900", "ok", "80 °C"),
        ("85000", "warning", "heat sink"),
        ("-274000", "ok", "no sensor"),
        ("", "ok", "no sensor"),
    ],
)
def test_temperature(tree, temp, state, text):
    found = next(heat.findings(tree({f"{ZONE}/temp": temp, f"{ZONE}/type": "soc"})))
    assert found.state == state and text in found.message


@pytest.mark.parametrize(
    ("kind", "state", "is_told"),
    [
        ("cpufreq-cpu0", 2, True),
        ("thermal-devfreq-0", 1, True),
        ("cpu-balanced", 1, True),
        ("cpufreq-cpu0", 0, False),
        ("pwm-fan", 4, False),
        ("Processor", 0, False),
    ],
)
def test_what_the_kernel_slows_down(tree, kind, state, is_told):
    root = tree({f"{COOLING}/type": f"{kind}\n", f"{COOLING}/cur_state": f"{state}\n"})
    assert bool(states(heat.findings(root))) == is_told


def test_too_much_current_on_a_jetson(tree):
    root = tree({f"{HWMON}/oc1_event_cnt": "0\n", f"{HWMON}/oc3_event_cnt": "17\n"})
    found = only(heat.findings(root))
    assert found.state == "warning" and "17 times" in found.message and "nvpmodel" in found.command


def test_the_power_mode_of_a_jetson(tree):
    files = {
        "var/lib/nvpmodel/status": "pmode:0001\n",
        "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n",
    }
    (_, mode) = heat.findings(tree(files))
    assert mode.message == "power mode 7W (nvpmodel)" and mode.state == "ok"


def test_a_system_that_tells_nothing(tree):
    assert states(heat.findings(tree())) == []
