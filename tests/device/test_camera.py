"""Cameras that are there, may not be opened, or are none."""

from __future__ import annotations

import os

import pytest

from edgeclip.device.doctor import camera
from tests.device.conftest import only, states


def video(number: int, name: str) -> dict[str, str]:
    device = f"video{number}"
    return {f"dev/{device}": "", f"sys/class/video4linux/{device}/name": f"{name}\n"}


def test_no_camera(tree):
    (found,) = camera.findings(tree({"dev/null": "", "dev/videodata": ""}))
    assert found.state == "ok" and found.message == "no camera"


def test_codecs_are_no_cameras(tree):
    root = tree(video(10, "bcm2835-codec-decode"), video(19, "rpi-hevc-dec"), video(20, "pispbe-x"))
    assert [each.message for each in camera.findings(root)] == ["no camera"]


def test_cameras_by_number_and_by_a_name_that_stays(tree):
    link = {"dev/v4l/by-id/usb-ACME_Cam_1-video-index0": ""}
    root = tree(video(10, "Late"), video(2, "Two"), {"dev/video3": ""}, link)
    (found,) = camera.findings(root)
    assert found.state == "ok"
    assert found.message.startswith(
        "video2 (Two), video3 (unnamed), video10 (Late); by a name that"
    )
    assert "/dev/v4l/by-id/usb-ACME_Cam_1-video-index0" in found.message


def test_the_camera_port_of_a_raspberry_pi(tree):
    (found,) = camera.findings(tree(video(0, "rp1-cfe-csi2_ch0")))
    assert "picamera2" in found.message


@pytest.mark.parametrize("is_known", [True, False])
def test_a_camera_that_may_not_be_opened(tree, monkeypatch, is_known):
    def user():
        if is_known:
            return "ada lovelace"
        raise KeyError("no such user")

    monkeypatch.setattr("getpass.getuser", user)
    root = tree(video(0, "UVC Camera"))
    if os.geteuid() == 0:  # for root every file is open
        monkeypatch.setattr(os, "access", lambda *_: False)
    else:
        (root / "dev/video0").chmod(0)
    found = only(camera.findings(root))
    assert found.state == "warning" and "video0 (UVC Camera) may not be opened" in found.message
    user_name = "'ada lovelace'" if is_known else "USER"
    assert found.command == f"sudo usermod -aG video {user_name}"
    assert states(camera.findings(root)) == [("camera", "warning")]
