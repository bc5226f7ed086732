"""The systemd units: what they say is known, true, and told in the guides."""

from __future__ import annotations

import importlib.util
import re
import signal
from collections.abc import Mapping

import pytest

from edgeclip.device import trial
from edgeclip.model import graph_cache
from tests.test_packaging import options, text, unread

KNOWN = """
After CPUWeight CacheDirectory CapabilityBoundingSet ConfigurationDirectory Description
DeviceAllow DevicePolicy Environment EnvironmentFile ExecStart ExecStartPre Group IOWeight
IPAddressDeny KeyringMode LockPersonality MemoryHigh MemoryMax NoNewPrivileges NotifyAccess
OOMPolicy PrivateDevices PrivateIPC PrivateNetwork PrivateTmp PrivateUsers ProtectClock
ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules
ProtectKernelTunables ProtectProc ProtectSystem RemoveIPC Restart RestartSec
RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID StartLimitIntervalSec
StateDirectory SuccessExitStatus SupplementaryGroups SystemCallArchitectures SystemCallErrorNumber
SystemCallFilter TasksMax TimeoutStartSec TimeoutStopSec Type UMask User WantedBy WatchdogSec
WorkingDirectory
"""
"""Settings that `systemd-analyze verify` knows; it warns of others, and systemd ignores them."""
SHUT_IN = """
ProtectSystem=strict ProtectHome=read-only PrivateTmp=yes NoNewPrivileges=yes
CapabilityBoundingSet= ProtectKernelModules=yes ProtectKernelTunables=yes ProtectControlGroups=yes
RestrictNamespaces=yes LockPersonality=yes SystemCallArchitectures=native
SystemCallFilter=@system-service
"""
ALONE = "PrivateDevices=yes PrivateNetwork=yes PrivateUsers=yes RestrictAddressFamilies=AF_UNIX"
"""What a service without a camera and a network has besides."""
MADE = {"%S": "StateDirectory", "%C": "CacheDirectory", "%E": "ConfigurationDirectory"}


def service(name: str) -> dict[str, list[str]]:
    """Return the values of each setting of a service, in order."""
    found: dict[str, list[str]] = {}
    for line in text(f"packaging/{name}.service").splitlines():
        if line and line[0] not in "#[":
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def seconds(values: list[str]) -> int:
    (value,) = values
    number, unit = re.fullmatch(r"(\d+)(s|min)", value).groups()
    return int(number) * {"s": 1, "min": 60}[unit]


class Services:
    """What is true of both services."""

    settings: Mapping[str, list[str]]
    own: frozenset[str]
    """Variables that the unit alone reads."""

    def test_every_setting_is_known(self):
        assert not set(self.settings) - set(KNOWN.split())

    @pytest.mark.parametrize("name", ["ExecStartPre", "ExecStart"])
    def test_the_commands_exist(self, name):
        (line,) = self.settings[name]
        program, command, *arguments = line.split()
        assert program == "/opt/edgeclip/bin/edgeclip"
        assert {each for each in arguments if each.startswith("--")} <= options(command)
        asked = set(re.findall(r"\$\{?(\w+)", line))
        assert asked <= set(self.variables) and asked <= self.own

    def test_a_hang_is_noticed(self):
        """A watchdog that nobody feeds kills what is well; the command must feed it."""
        assert self.settings["Type"] == ["notify"] and self.settings["NotifyAccess"] == ["main"]
        assert re.fullmatch(r"[1-9]\d*(s|min)", self.settings["WatchdogSec"][0])
        assert self.settings["Restart"] in (["on-failure"], ["always"])
        assert self.settings["StartLimitIntervalSec"] == ["0"]
        assert importlib.util.find_spec("edgeclip.cli.alive") is not None

    def test_memory_is_limited(self):
        high, most = (
            int(self.settings[name][0].rstrip("%")) for name in ("MemoryHigh", "MemoryMax")
        )
        assert 0 < high < most < 100

    @pytest.mark.parametrize("line", SHUT_IN.split())
    def test_it_is_shut_in(self, line):
        name, value = line.split("=", 1)
        assert value in self.settings[name]

    def test_what_it_writes_is_its_own(self):
        assert self.settings["User"] == self.settings["Group"] == ["edgeclip"]
        for value in self.variables.values():
            if value.startswith("%"):
                root, path = value.split("/", 1)
                assert path.split("/")[0] in self.settings[MADE[root]][0].split()
        assert not unread(set(self.variables) - self.own)

    @property
    def variables(self) -> dict[str, str]:
        return dict(each.split("=", 1) for each in self.settings["Environment"])


class TestService(Services):
    settings = service("edgeclip")
    own = frozenset({"PHOTOS"})

    def test_what_takes_minutes_is_no_hang(self):
        """Making the kept form of a tower is one step, and says nothing on its way."""
        assert seconds(self.settings["WatchdogSec"]) > graph_cache._MAKING_S
        assert seconds(self.settings["TimeoutStartSec"]) > 2 * graph_cache._MAKING_S

    def test_the_guide_gives_its_variables(self):
        block = next(b for b in text("docs/raspberry-pi.md").split("```") if "EDGECLIP_INDEX" in b)
        told = dict(re.findall(r"(EDGECLIP_\w+)=(\S+)", block))
        folders = {"%S": "/var/lib", "%C": "/var/cache", "%E": "/etc"}
        for name in self.variables.keys() - self.own:
            value = self.variables[name]
            assert told[name] == folders[value[:2]] + value[2:]

    @pytest.mark.parametrize("line", ALONE.split())
    def test_nothing_reaches_it(self, line):
        name, value = line.split("=", 1)
        assert value in self.settings[name]

    def test_an_index_lies_beside_its_pictures(self):
        """An index is never within its folder of pictures, nor a folder of pictures an index."""
        photos = self.variables["PHOTOS"]
        assert not self.variables["EDGECLIP_INDEX"].startswith(photos + "/")


class TestWatchService(Services):
    settings = service("edgeclip-watch")
    own = frozenset({"SOURCE", "RULES", "OPTIONS"})
    guide = text("docs/cameras.md").split("## As a service")[1].split("\n## ")[0]

    def test_what_takes_minutes_is_done_before_it_is_ready(self):
        most = 2 * graph_cache._MAKING_S + trial._COMPILING_S
        assert seconds(self.settings["TimeoutStartSec"]) > most

    def test_a_stop_is_no_failure(self):
        """The command ends with what a shell makes of SIGTERM, see tests/cli/test_watch_process."""
        assert self.settings["SuccessExitStatus"] == [str(128 + signal.SIGTERM)]
        assert seconds(self.settings["TimeoutStopSec"]) > 20

    def test_the_network_and_cameras_are_all_that_it_reaches(self):
        assert set(self.settings["RestrictAddressFamilies"][0].split()) == {
            "AF_UNIX",
            "AF_INET",
            "AF_INET6",
            "AF_NETLINK",
        }
        assert self.settings["SupplementaryGroups"] == ["video"]
        assert self.settings["DevicePolicy"] == ["closed"]
        # 81 is Linux's number of video4linux (Documentation/admin-guide/devices.txt).
        assert [each.split()[0] for each in self.settings["DeviceAllow"]] == [
            "char-81",
            "char-media",
            "char-dma_heap",
        ]
        assert "PrivateDevices" not in self.settings and "PrivateNetwork" not in self.settings

    def test_the_guide_gives_its_variables_and_folders(self):
        told = set(re.findall(r"`([A-Z][A-Z_]+)`", self.guide))
        assert self.own <= told and not unread(told - self.own)
        (file,) = self.settings["EnvironmentFile"]
        assert file == "-%E/edgeclip/watch.env" and "/etc/edgeclip/" in self.guide
        assert self.variables["RULES"].replace("%E", "/etc") == "/etc/edgeclip/door.pack"
        assert "door.pack /etc/edgeclip/" in self.guide
        assert self.variables["EDGECLIP_STATE"] == "%S/edgeclip/watch"

    def test_what_may_hold_a_password_is_readable_by_root_alone(self):
        assert "install -m 600 watch.env /etc/edgeclip/" in self.guide

    def test_the_options_of_the_guide_exist(self):
        options_of_watch = options("watch")
        (line,) = re.findall(r"OPTIONS=([^\\]*)", self.guide)
        found = {each for each in line.split() if each.startswith("--")}
        assert found and found <= options_of_watch


class TestServeService(Services):
    settings = service("edgeclip-serve")
    own = frozenset({"OPTIONS"})
    guide = text("docs/service.md").split("## From boot")[1].split("\n## ")[0]

    def test_what_takes_minutes_is_done_before_it_is_ready(self):
        most = 2 * graph_cache._MAKING_S + trial._COMPILING_S
        assert seconds(self.settings["TimeoutStartSec"]) > most

    def test_a_stop_is_no_failure(self):
        """The command ends with what a shell makes of SIGTERM, see tests/serve/test_serve.py."""
        assert self.settings["SuccessExitStatus"] == [str(128 + signal.SIGTERM)]
        assert seconds(self.settings["TimeoutStopSec"]) > 10

    def test_the_guide_gives_its_variables_and_folders(self):
        assert self.settings["EnvironmentFile"] == ["-%E/edgeclip/serve.env"]
        told = set(re.findall(r"\b([A-Z_]+)=", self.guide.split("```")[1]))
        assert {"OPTIONS", "EDGECLIP_TOKEN"} == told
        assert "`/var/lib/edgeclip/photos.index`" in self.guide
        assert self.variables["EDGECLIP_INDEX"] == "%S/edgeclip/photos.index"
        assert not unread(told - self.own)
        for name, folder in {"STATE": "/serve", "MODELS": "/models"}.items():
            assert self.variables[f"EDGECLIP_{name}"] == f"%S/edgeclip{folder}"
            assert f"`/var/lib/edgeclip{folder}`" in self.guide

    def test_what_holds_the_token_is_readable_by_root_alone(self):
        assert "install -m 600 serve.env /etc/edgeclip/" in self.guide

    def test_the_options_of_the_guide_exist(self):
        (line,) = re.findall(r'"OPTIONS=([^"]+)"', self.guide)
        given = {each.split("=")[0] for each in line.split()}
        # The index has a writer of its own: the two units may be started in any order.
        assert "--read-only" in given and given <= options("serve")
