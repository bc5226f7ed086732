from tests.grow.fleet.cuts import cut


def test_20_cut_connections_lose_and_double_nothing(database, tmp_path, capfd):
    report = cut(database, tmp_path / "index", 20, seed=1)
    assert report.cuts >= 20 and report.pushes >= 1
    assert capfd.readouterr() == ("", ""), "a library has something to say"
