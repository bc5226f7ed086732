"""No request that the description allows, or forbids, gets an answer that it does not name."""

from __future__ import annotations

from tests.serve import fuzz


def test_requests_of_the_description(tmp_path):
    made, right, said = fuzz.run(tmp_path, requests=500)
    assert made >= 500 and right == made, said
    assert not said  # nothing on stderr: no traceback, no word of a library
