from tests.index.kill import cycles


def test_20_kills_lose_nothing(tmp_path):
    report = cycles(tmp_path / "i", 20, seed=1)
    assert report.cycles == 20 and report.acknowledged > 500
