import re

import pytest

from edgeclip.watch.sinks.discovery import configs, node, slug, slugs

# The fields that Home Assistant documents (pages binary_sensor.mqtt, sensor.mqtt, image.mqtt, and
# mqtt for the origin), of which some are required.
SHARED = {
    *("availability", "availability_mode", "availability_topic", "availability_template"),
    *("payload_available", "payload_not_available", "device", "origin", "unique_id", "name"),
    *("enabled_by_default", "entity_category", "icon", "encoding", "qos", "object_id"),
    *("json_attributes_topic", "json_attributes_template"),
}
STATES = {"state_topic", "value_template", "device_class", "expire_after", "force_update"}
DOCUMENTED = {
    "binary_sensor": SHARED | STATES | {"payload_on", "payload_off", "off_delay"},
    "sensor": SHARED | STATES | {"options", "unit_of_measurement", "suggested_display_precision"},
    "image": SHARED
    | {"image_topic", "url_topic", "url_template", "content_type", "image_encoding"},
}
REQUIRED = {
    "binary_sensor": {"state_topic"},
    "sensor": {"state_topic"},
    "image": {"image_topic"},
}
DEVICE = {
    *("configuration_url", "connections", "hw_version", "identifiers", "manufacturer", "model"),
    *("model_id", "name", "serial_number", "suggested_area", "sw_version", "via_device"),
}
ORIGIN = {"name", "sw_version", "support_url"}


@pytest.fixture
def found():
    rules = slugs(["person", "red van"])
    return configs("front_door", rules, "edgeclip/front_door", prefix="ha", pictures=True)


def test_only_documented_fields_and_all_that_are_required(found):
    assert len(found) == 6
    for topic, config in found.items():
        prefix, component, device, thing, last = topic.split("/")
        assert (prefix, device, last) == ("ha", "edgeclip_front_door", "config")
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", thing)
        assert set(config) <= DOCUMENTED[component] and REQUIRED[component] <= set(config)
        assert set(config["device"]) <= DEVICE and set(config["origin"]) <= ORIGIN
        assert config["device"]["identifiers"] == ["edgeclip_front_door"]
        assert config["origin"]["name"] == "edgeclip"
        assert config["availability_topic"] == "edgeclip/front_door/availability"
    assert len({config["unique_id"] for config in found.values()}) == 6


def test_what_each_entity_listens_to(found):
    sensor = found["ha/binary_sensor/edgeclip_front_door/red_van/config"]
    assert (sensor["payload_on"], sensor["payload_off"]) == ("ON", "OFF")
    assert sensor["state_topic"] == "edgeclip/front_door/red_van/state"
    assert sensor["json_attributes_topic"] == "edgeclip/front_door/red_van/event"
    assert sensor["name"] == "red van" and sensor["device"]["name"] == "front_door"
    phase = found["ha/sensor/edgeclip_front_door/red_van_phase/config"]
    assert phase["device_class"] == "enum" and phase["options"] == ["learning", "watching"]
    image = found["ha/image/edgeclip_front_door/red_van_picture/config"]
    assert image["image_topic"] == "edgeclip/front_door/red_van/picture"
    assert image["content_type"] == "image/jpeg"


def test_no_image_in_privacy():
    found = configs("a", slugs(["b"]), "edgeclip/a", prefix="ha", pictures=False)
    assert sorted(topic.split("/")[1] for topic in found) == ["binary_sensor", "sensor"]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("person", "person"),
        ("dev-video0", "dev-video0"),
        ("Front door", "front_door_91b2db"),
        ("Tür/2", "tur_2_669fff"),
        ("a-b+#", "a_b_fa64d1"),
    ],
)
def test_a_slug(name, short):
    assert slug(name) == short and node(name) == f"edgeclip_{short}"


def test_cameras_that_look_alike_are_other_devices():
    names = ["front_door", "Front door", "front door", "front-door", "front/door"]
    assert len({node(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["", "門", "#/+", "x" * 300, "\udc80"])
def test_a_name_without_letters_or_with_too_many_gets_a_mark(name):
    assert re.fullmatch(r"[a-z0-9_]{6,55}", slug(name)) and slug(name) == slug(name)


def test_names_that_look_alike_stay_apart_whatever_their_order():
    names = ["A b", "a-b", "門", "窓", "c"]
    found = slugs(names)
    assert len(set(found.values())) == 5 and found["c"] == "c"
    assert found == slugs(names[::-1])
