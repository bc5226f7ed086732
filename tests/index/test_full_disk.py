import pytest

from tests.index import mounting

CASES = ["writing", "reopening", "backing_up", "salvaging", "creating", "quarantining"]
CASES += ["grouping", "reading", "reading_beside", "reading_a_log"]


@pytest.mark.parametrize("case", CASES)
def test_full_disk_while(case, tmp_path):
    mounting.run("tests.index.full_disk", case, tmp_path)
