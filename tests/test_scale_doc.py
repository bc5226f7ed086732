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
    parts = {
        part: measured(f"an item on the server, {part}: KB", r"\| ([\d.]+) \|")
        for part in ("table", "HNSW graph", "keys")
    }
    assert [f"{size:.2f} KB of {part}" in TEXT for part, size in parts.items()] == [True] * 3
    for count, (rows, graph, together) in table("| items | table | graph").items():
        assert near(figure(rows), count * 1000 * parts["table"])
        assert near(figure(graph), count * 1000 * parts["HNSW graph"])
        assert near(figure(together), count * 1000 * sum(parts.values()))


def test_the_time_of_a_search():
    (line,) = [line for line in TEXT.splitlines() if line.startswith("| a fleet, to some")]
    by_graph = "60,000 clustered vectors, by the graph"
    exact = searched("20,000 random vectors, exactly", filtered=False)
    assert f"{exact:.0f} ms at 20,000, exactly" in line
    assert f"{searched(by_graph, filtered=False):.0f} ms at 60,000 by the graph" in line
    assert f"{searched(by_graph, filtered=True):.0f} ms where a filter lets 1 of 200 thr" in line


def searched(what: str, *, filtered: bool) -> float:
    """Return the milliseconds of a row of searches on the server."""
    rows = [line for line in RESULTS.splitlines() if f"| search on the server, {what}" in line]
    (line,) = [line for line in rows if ("filter for" in line) == filtered]
    found = re.search(r"([\d.]+) ms a search", line)
    assert found, line
    return float(found[1])


def test_the_example():
    pushed = measured("the same with 4,000 vectors, where both tables", r"\| ([\d.]+) against")
    each = measured("embed_images of 200 small photographs", r"([\d.]+) against")
    example = TEXT.split("## An example")[1].split("\n## ")[0]
    assert f"= {200_000 * round(2 / each, 3) / 3600:.1f} core-hours" in example
    assert f"{pushed / 4:.1f} ms" in example and f"{3_000 * pushed / 4_000:.0f} s a day" in example
    assert "= 14 MB" in example and near(14e6, 200_000 / 30 * 2048)
    assert "24 MB" in example and near(24e6, 200_000 / 30 * 3600)
    items = table("| items | table | graph")
    assert near(570e6, figure(items[10**6][2]) / 5) and near(274e6, figure(items[10**6][1]) / 5)


def test_what_it_points_at_is_there():
    for name in re.findall(r"\]\(((?!http)[^)#]+)", TEXT):
        assert (ROOT / "docs" / name).exists(), name
