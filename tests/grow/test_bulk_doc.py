"""What docs/bulk.md says is so: its program, its options, its columns and its numbers."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from edgeclip.cli import commands
from edgeclip.grow import bulk, tables
from edgeclip.grow.tables import Head
from tests.grow.test_parts import rows_in

TEXT = (Path(__file__).parent.parent.parent / "docs" / "bulk.md").read_text("utf-8")


# Ray's own, of itself.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")
def test_the_three_lines_of_python_run(ray, tmp_path, monkeypatch, photos, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert len(code.split("\n")) <= 4
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    shutil.copy(photos / "chelsea.png", tmp_path / "photos")
    exec(code, {})
    assert capsys.readouterr().out == "Report(embedded=1, failed=0, unchanged=0, failed_before=0)\n"
    assert [row.key for row in rows_in(tmp_path / "vectors")] == ["chelsea.png"]


def test_the_commands_and_their_options_exist():
    (shell,) = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    lines = [line.split() for line in shell.splitlines() if line.startswith("edgeclip")]
    assert len(lines) == 3
    for _, command, *words in lines:
        made = commands.edgeclip.get_command(None, command)
        known = {option for each in made.params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_columns_and_numbers_are_those_that_hold():
    table = TEXT.split("| column | type")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == tables.schema(Head("s", 2)).names
    for name in tables.schema(Head("s", 2)).metadata:
        assert f"`{name.decode()}`" in TEXT
    assert f"every {bulk.PART_ROWS:,} pictures or {bulk.PART_S:.0f}\n  seconds" in TEXT
