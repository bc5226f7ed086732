import os
import resource
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edgeclip import errors
from edgeclip.index.database import Database, files

SHIM = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
static int fail(void) { return access(getenv("FAIL_FSYNC"), F_OK) == 0; }
int fsync(int fd) { if (fail()) { errno = EIO; return -1; } return syscall(SYS_fsync, fd); }
int fdatasync(int fd) { if (fail()) { errno = EIO; return -1; } return syscall(SYS_fdatasync, fd); }
"""


@pytest.fixture
def path(tmp_path):
    Database.create(tmp_path / "a.db", "CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")
    return tmp_path / "a.db"


@pytest.fixture
def database(path):
    with closing(Database.open(path, read_only=False)) as opened:
        yield opened


def insert(database, *numbers):
    with database.writing(1):
        for number in numbers:
            database.execute("INSERT INTO t VALUES (?, randomblob(3000))", (number,))


def numbers(database):
    return [n for (n,) in database.execute("SELECT n FROM t ORDER BY n")]


def test_settings_that_keep_it_durable_and_guarded(database):
    asked = ["journal_mode", "synchronous", "mmap_size", "wal_autocheckpoint", "secure_delete"]
    found = {name: database.execute(f"PRAGMA {name}") for name in asked}
    assert found["journal_mode"] == [("wal",)] and found["synchronous"] == [(2,)]
    assert found["wal_autocheckpoint"] == [(0,)] and found["secure_delete"] == [(1,)]
    assert found["mmap_size"] in ([(0,)], [])
    for name, value in (("cell_size_check", 1), ("trusted_schema", 0), ("auto_vacuum", 2)):
        assert database.execute(f"PRAGMA {name}") == [(value,)]


def test_error_in_the_block_undoes_it(database):
    with pytest.raises(KeyboardInterrupt), database.writing(1):
        database.execute("INSERT INTO t VALUES (1, NULL)")
        raise KeyboardInterrupt
    insert(database, 2)
    assert numbers(database) == [2]


def test_readers_in_other_connections_stay_on_one_state(path, database):
    insert(database, 1)

    def read():
        assert numbers(reader) == [1]
        insert(database, 2)
        return numbers(reader)

    with closing(Database.open(path, read_only=True)) as reader:
        assert reader.at_once(read) == [1]
        assert numbers(reader) == [1, 2]


def test_log_stays_small(path, database):
    for number in range(3000):
        insert(database, number) if number % 10 == 0 else None
    assert files(path)[1].stat().st_size < 10 << 20


def test_log_stays_bounded_beside_a_long_reader(path, database):

    def read():
        numbers(reader)
        insert(database, *range(2000))
        insert(database, 2000)

    with closing(Database.open(path, read_only=True)) as reader:
        reader.at_once(read)
    insert(database, 2001)
    database.checkpoint("TRUNCATE")
    assert files(path)[1].stat().st_size == 0


def test_foreign_file_is_damaged(tmp_path):
    (tmp_path / "x.db").write_bytes(os.urandom(9000))
    for read_only in (True, False):
        with pytest.raises(errors.StoreDamaged, match=r"x\.db is damaged"):
            Database.open(tmp_path / "x.db", read_only=read_only)


def test_closed_database_says_so(path):
    database = Database.open(path, read_only=False)
    database.close()
    database.close()
    with pytest.raises(errors.StoreError):
        numbers(database)


def test_backup_that_fails_is_not_this_files_fault(path, database, tmp_path):
    insert(database, 1)
    with pytest.raises(errors.StoreError):
        database.backup(tmp_path / "nowhere" / "b.db")
    insert(database, 2)
    database.backup(tmp_path / "b.db")
    with closing(Database.open(tmp_path / "b.db", read_only=True)) as copy:
        assert numbers(copy) == [1, 2]


def test_backup_names_the_file_that_cannot_be_read(path, database, tmp_path):
    insert(database, *range(100))
    with database.writing(1):
        database.execute("UPDATE t SET b = randomblob(3000)")
    log = files(path)[1]
    os.truncate(log, log.stat().st_size * 3 // 4)
    with pytest.raises(errors.StoreDamaged, match=f"^{path} is damaged"):
        database.backup(tmp_path / "b.db")


def test_writing_goes_on_while_a_backup_is_made(path, database, tmp_path):
    insert(database, *range(2000))
    copy = threading.Thread(target=database.backup, args=[tmp_path / "b.db"])
    copy.start()
    insert(database, 5000)
    copy.join()
    with closing(Database.open(tmp_path / "b.db", read_only=True)) as found:
        assert numbers(found)[:2000] == list(range(2000))
        assert found.execute("PRAGMA integrity_check") == [("ok",)]


WRITE = """
import sys
from pathlib import Path
from edgeclip import errors
from edgeclip.index.database import Database

database = Database.open(Path(sys.argv[1]), read_only=False)

def insert(number):
    with database.writing(1):
        database.execute("INSERT INTO t VALUES (?, zeroblob(100000))", (number,))

insert(1)
{harm}
for number in (2, 3):
    try:
        insert(number)
    except errors.StoreError as error:
        print(type(error).__name__, error)
{heal}
try:
    insert(4)
except errors.StoreError as error:
    print(type(error).__name__, error)
database.close()
database = Database.open(Path(sys.argv[1]), read_only=False)
insert(5)
print([n for (n,) in database.execute("SELECT n FROM t")])
"""


def child(path: Path, harm: str, heal: str, **environment: str) -> list[str]:
    code = WRITE.replace("{harm}", harm).replace("{heal}", heal)
    command = [sys.executable, "-c", code, str(path)]
    found = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_failed_write_stops_all_writing_until_it_is_opened_again(path):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {1}))"
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    lines = child(path, limit.format(150_000, most), limit.format(most, most))
    assert [line.split()[0] for line in lines[:-1]] == ["StoreError"] * 3
    assert lines[-1] == "[1, 5]"


def test_failed_fsync_stops_all_writing_until_it_is_opened_again(path, tmp_path):
    compiler = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(tmp_path / "shim.so")]
    try:
        subprocess.run(compiler, input=SHIM.encode(), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C compiler to make fsync fail with")
    mark = tmp_path / "fail"
    lines = child(
        path,
        f"Path({str(mark)!r}).touch()",
        f"Path({str(mark)!r}).unlink()",
        LD_PRELOAD=str(tmp_path / "shim.so"),
        FAIL_FSYNC=str(mark),
    )
    assert [line.split()[0] for line in lines[:-1]] == ["StoreError"] * 3
    found = [int(n) for n in lines[-1].strip("[]").split(",")]
    assert found in ([1, 5], [1, 2, 5])  # the commit whose fsync failed may be there, or not
