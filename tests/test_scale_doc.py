"""The arithmetic of docs/scale.md, from the figures that it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "scale.md").read_text("utf-8")
RESULTS = (ROOT / "benchmarks" / "results.md").read_text("utf-8")
POWERS = dict(zip("⁴⁵⁶⁷⁸⁹", range(4, 10), strict=True))


def table(heading: str) -> dict[int, list[str]]:
    """Return the cells of the table below a line of headings, by the number in the first one."""
    block = TEXT.split(heading)[1].split("\n\n")[0]
    rows = re.findall(r"^\| 10(.) \| (.*) \|$", block, re.MULTILINE)
    return {10 ** POWERS[power]: cells.split(" | ") for power, cells in rows}


def figure(text: str) -> float:
    """Return a number with its unit, in bytes where it is one."""
    found = re.fullmatch(r"([\d,.]+)(?: (MB|GB|TB))?", text.strip())
    assert found, text
    scale = {None: 1.0, "MB": 1e6, "GB": 1e9, "TB": 1e12}[found[2]]
    return float(found[1].replace(",", "")) * scale


def near(told: float, right: float) -> bool:
    return abs(told / right - 1) < 0.06


def measured(row: str, pattern: str) -> float:
    (line,) = [line for line in RESULTS.splitlines() if line.startswith(f"| {row}")]
    found = re.search(pattern, line)
    assert found, line
    return float(found[1])


def test_core_hours():
    rate = measured("embed_images of 200 small photographs", r"([\d.]+) against")
    assert f"{rate:g} pictures a second" in TEXT
    each = round(2 / rate, 3)
    assert f"{each} core-seconds" in TEXT
    rows = table("| pictures | core-hours")
    assert set(rows) == {10**power for power in range(4, 10)}
    for count, (hours, *_) in rows.items():
        assert near(figure(hours), count * each / 3600)


def test_memory():
    for count, (fp32, int8, disk) in table("| vectors | fp32").items():
        assert near(figure(fp32), count * 2048) and near(figure(int8), count * 512)
        written = measured("100,000 vectors: add_many, KB written", r"\| ([\d.]+) \|")
        assert near(figure(disk), count * 1000 * written)


def test_a_server():
    assert near(27.8e6 / 20_000, 1.4e3) and near(27.3e6 / 20_000, 1.4e3)
    for count, (rows, graph, both) in table("| items | table | graph").items():
        assert near(figure(rows), count * 27.8e6 / 20_000)
        assert near(figure(graph), count * 27.3e6 / 20_000)
        assert near(figure(both), count * (27.8e6 + 27.3e6 + 2.2e6) / 20_000)


def test_what_it_points_at_is_there():
    for name in re.findall(r"\]\(((?!http)[^)#]+)", TEXT):
        assert (ROOT / "docs" / name).exists(), name
