import threading
import time

import pytest

from edgeclip import errors
from edgeclip.index.changes import Remove
from edgeclip.index.commits import MOST_ROWS, Commits


class Disk:
    """Writes slowly, remembers each commit, and fails when it is told to."""

    def __init__(self, seconds=0.02):
        self.commits, self.failing, self.seconds = [], [], seconds

    def write(self, changes):
        time.sleep(self.seconds)
        if self.failing:
            raise self.failing.pop(0)
        self.commits.append([change.key for change in changes])
        return [f"removed {change.key}" for change in changes]


def submit_all(commits, batches):
    """Submit each batch in its own thread; return what came of each."""
    found = [None] * len(batches)

    def run(place):
        try:
            found[place] = commits.submit([Remove(key) for key in batches[place]])
        except BaseException as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_threads_share_commits_and_each_has_its_own_outcomes():
    disk = Disk()
    batches = [[f"{place}-{n}" for n in range(1 + place % 3)] for place in range(40)]
    found = submit_all(Commits(disk.write), batches)
    assert found == [[f"removed {key}" for key in batch] for batch in batches]
    written = [key for commit in disk.commits for key in commit]
    assert sorted(written) == sorted(key for batch in batches for key in batch)
    assert len(disk.commits) < 10


def test_commit_is_not_larger_than_it_must_be():
    disk = Disk()
    batches = [[f"{place}-{n}" for n in range(30)] for place in range(12)] + [["x"] * 200]
    submit_all(Commits(disk.write), batches)
    assert all(len(commit) <= MOST_ROWS or len(commit) == 200 for commit in disk.commits)


def test_what_one_asks_too_much_costs_the_others_nothing():
    disk = Disk()
    write = disk.write

    def full(changes):
        if any(change.key == "3" for change in changes):
            time.sleep(0.02)
            raise errors.StoreFull("full")
        return write(changes)

    found = submit_all(Commits(full), [[str(n)] for n in range(8)])
    assert isinstance(found.pop(3), errors.StoreFull)
    assert found == [[f"removed {n}"] for n in range(8) if n != 3]


def test_disk_that_fails_fails_for_all():
    commits = Commits(lambda _: (_ for _ in ()).throw(errors.StoreError("broken")))
    found = submit_all(commits, [[str(n)] for n in range(8)])
    assert all(isinstance(result, errors.StoreError) for result in found)


def test_interrupted_thread_costs_the_others_nothing():
    disk = Disk()
    disk.failing = [KeyboardInterrupt()]
    found = submit_all(Commits(disk.write), [[str(n)] for n in range(8)])
    interrupted = [result for result in found if isinstance(result, KeyboardInterrupt)]
    assert len(interrupted) == 1
    written = {key for commit in disk.commits for key in commit}
    assert written >= {str(n) for n, result in enumerate(found) if isinstance(result, list)}
    assert sum(isinstance(result, list) for result in found) == 7


def test_interrupt_of_the_only_thread_leaves_it_usable():
    disk = Disk(0)
    commits = Commits(disk.write)
    disk.failing = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        commits.submit([Remove("a")])
    assert commits.submit([Remove("b")]) == ["removed b"]
    assert disk.commits == [["b"]]  # whoever was told that it failed does not find it done later
    assert commits.submit([]) == []


def test_other_errors_of_one_do_not_hang_the_rest():
    disk = Disk()
    disk.failing = [RuntimeError("a bug")]
    found = submit_all(Commits(disk.write), [[str(n)] for n in range(8)])
    assert sum(isinstance(result, RuntimeError) for result in found) == 1
