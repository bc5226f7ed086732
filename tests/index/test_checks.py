import sqlite3
import threading
from contextlib import closing

from edgeclip.index import place
from tests.index.some import filled, opened, vector_of


def behind(folder, sql):
    with closing(sqlite3.connect(folder / place.DATABASE)) as connection:
        assert connection.execute(sql).rowcount > 0
        connection.commit()


def test_healthy_index(tmp_path):
    filled(tmp_path / "i", 50)
    with opened(tmp_path / "i") as index:
        health = index.verify()
        assert (health.ok, health.reason, health.items, health.bad) == (True, "", 50, 0)


def test_rotted_rows_are_counted_and_mended_by_the_next_opening(tmp_path):
    filled(tmp_path / "i", 50)
    with opened(tmp_path / "i") as index:
        behind(tmp_path / "i", "UPDATE item SET vector = zeroblob(64) WHERE id < 4")
        health = index.verify()
        assert not health.ok and (health.items, health.bad) == (47, 3)
        assert "3 rows do not fit" in health.reason and "Open the index" in health.reason
    with opened(tmp_path / "i") as index:
        assert index.notes and index.verify().ok and len(index) == 47


def test_memory_that_differs_is_noticed(tmp_path):
    filled(tmp_path / "i", 50)
    with opened(tmp_path / "i") as index:
        index._contents.memory().table.drop([3])
        assert "in memory" in index.verify().reason


def test_damaged_pages_are_noticed(tmp_path):
    filled(tmp_path / "i", 400)
    with opened(tmp_path / "i") as index:
        index.compact()
        path = tmp_path / "i" / place.DATABASE
        with path.open("r+b") as file:
            file.seek(20 * 4096)
            file.write(bytes(4096))
        assert not index.verify().ok
    with opened(tmp_path / "i") as index:
        assert "salvaged" in index.notes[0] and index.verify().ok and len(index) > 350


def test_writing_meanwhile_is_no_damage(tmp_path):
    filled(tmp_path / "i", 300)
    with opened(tmp_path / "i") as index:
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                index.add(f"new {number % 50}", vector_of(number))
                index.remove(f"new {(number + 25) % 50}")
                number += 1

        thread = threading.Thread(target=write)
        thread.start()
        found = [index.verify() for _ in range(20)]
        stop.set()
        thread.join()
        assert all(health.ok for health in found), [h.reason for h in found if not h.ok]
