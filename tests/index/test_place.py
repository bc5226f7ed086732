import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgeclip import errors
from edgeclip.index import place
from tests.index.some import opened, vector_of

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw
23 22 0:20 / /proc rw - proc proc rw
30 22 0:40 / /mnt/nas rw,relatime - nfs4 nas:/photos rw
31 30 8:17 / /mnt/nas/disk rw,relatime shared:7 - ext4 /dev/sdb1 rw
32 22 8:33 / /media/My\040Stick rw - vfat /dev/sdc1 rw
33 22 8:34 / /media/a\134040b rw - exfat /dev/sdc2 rw
34 22 0:50 / /var/lib/docker/overlay rw - overlay overlay rw
35 22 0:51 / /twice rw - tmpfs tmpfs rw
36 22 0:52 / /twice rw - cifs //nas/x rw
37 22 0:53 / /remote rw - fuse.sshfs host: rw
38 22 0:54 / /ünï rw - fuseblk /dev/sdd1 rw
39 22 0:55 / /bad rw,relatime master:1 propagate_from:2 - btrfs none rw
a line of nonsense
""".lstrip()


@pytest.fixture
def table(tmp_path):
    (tmp_path / "mountinfo").write_text(MOUNTS + "40 22 0:56 / /line\x85end rw - smb3 x rw\n")
    return tmp_path / "mountinfo"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/photos.index", "ext4"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/a/b", "nfs4"),
        ("/mnt/nasty", "ext4"),
        ("/mnt/nas/disk/i", "ext4"),
        ("/media/My Stick/i", "vfat"),
        ("/media/a\\040b/i", "exfat"),
        ("/var/lib/docker/overlay/i", "overlay"),
        ("/twice/i", "cifs"),
        ("/remote/i", "fuse.sshfs"),
        ("/ünï/i", "fuseblk"),
        ("/bad", "btrfs"),
        ("/line\x85end/i", "smb3"),
        ("/", "ext4"),
        ("/mnt/disk/../nas/x", "nfs4"),
    ],
)
def test_file_system_of_a_path(path, kind, table):
    assert place.file_system(Path(path), table) == kind


def test_file_system_through_a_link(tmp_path, table):
    (tmp_path / "link").symlink_to("/mnt/nas")
    assert place.file_system(tmp_path / "link" / "i", table) == "nfs4"


def test_file_system_where_nobody_says(tmp_path):
    assert place.file_system(tmp_path, tmp_path / "nothing") is None
    (tmp_path / "empty").write_text("")
    assert place.file_system(tmp_path, tmp_path / "empty") is None


@pytest.mark.parametrize(
    ("kind", "fits"),
    [("ext4", True), ("tmpfs", True), ("overlay", True), ("btrfs", True), ("fuseblk", True)]
    + [(None, True), ("nfs", False), ("nfs4", False), ("cifs", False), ("smb3", False)]
    + [("vfat", False), ("exfat", False), ("9p", False), ("fuse.sshfs", False), ("f2fs", True)],
)
def test_file_systems_that_do_not_fit(kind, fits, tmp_path, monkeypatch):
    monkeypatch.setattr(place, "file_system", lambda _: kind)
    place.check_file_system(tmp_path, force=True)
    if fits:
        place.check_file_system(tmp_path)
    else:
        with pytest.raises(errors.StoreError, match=f"is on {kind}"):
            place.check_file_system(tmp_path)


def test_folder_is_made_once(tmp_path):
    place.make(tmp_path / "a" / "b")
    place.make(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "cache").is_dir()


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "f").write_text("")
    for path in (tmp_path / "f", tmp_path / "f" / "below"):
        with pytest.raises(errors.StoreError, match=r"cannot be made|is a file"):
            place.make(path)


def test_one_lock_for_one_writer(tmp_path):
    lock = place.lock(tmp_path)
    with pytest.raises(errors.StoreLocked, match=f"process {os.getpid()}"):
        place.lock(tmp_path)
    place.unlock(lock)
    place.unlock(place.lock(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "command": 1}', "\0" * 100])
def test_lock_whose_owner_cannot_be_told(text, tmp_path):
    lock = place.lock(tmp_path)
    (tmp_path / place.LOCK).write_text(text)
    with pytest.raises(errors.StoreLocked, match="another process"):
        place.lock(tmp_path)
    place.unlock(lock)


def test_lock_says_whether_the_database_was_closed(tmp_path):
    assert not place.was_left_open(tmp_path)
    lock = place.lock(tmp_path)
    assert not place.was_left_open(tmp_path)
    place.sign(lock, is_open=True)
    assert place.was_left_open(tmp_path)
    place.unlock(lock)
    assert not place.was_left_open(tmp_path)


def test_lock_says_what_a_killed_writer_left_also_after_one_that_could_not_mend_it(tmp_path):
    lock = place.lock(tmp_path)
    place.sign(lock, is_open=True)
    os.close(lock)
    place.unlock(place.lock(tmp_path), mended=False)
    assert place.was_left_open(tmp_path)


def test_mark_in_the_lock_outlives_a_full_disk_and_a_longer_text(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x" * 200])
    lock = place.lock(tmp_path)
    place.sign(lock, is_open=True)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", fail)
        place.sign(lock, is_open=False)
    assert place.was_left_open(tmp_path)
    monkeypatch.setattr(sys, "argv", [""])
    place.sign(lock, is_open=True)
    assert place.was_left_open(tmp_path)
    place.unlock(lock)


def test_folder_that_is_moved_away_while_it_is_locked(tmp_path, monkeypatch):
    folder, flock = tmp_path / "i", place.fcntl.flock
    folder.mkdir()

    def late(descriptor, how):
        folder.rename(tmp_path / "moved")
        flock(descriptor, how)

    monkeypatch.setattr(place.fcntl, "flock", late)
    with pytest.raises(errors.StoreLocked, match="was moved or removed while it was opened"):
        place.lock(folder)


def test_lock_says_what_a_killed_writer_left_until_it_is_mended(tmp_path):
    lock = place.lock(tmp_path)
    place.sign(lock, is_open=True)
    for _ in range(2):
        os.close(lock)
        lock = place.lock(tmp_path)
        assert place.was_left_open(tmp_path)
    place.unlock(lock)
    assert not place.was_left_open(tmp_path)


def test_writer_that_closes_while_another_one_opens_was_not_stopped(tmp_path, monkeypatch):
    first = opened(tmp_path)
    first.add("a", vector_of("a"))
    lock = place.lock

    def when_it_has_closed(folder):
        first.close()
        return lock(folder)

    monkeypatch.setattr(place, "lock", when_it_has_closed)
    with opened(tmp_path, None) as index:
        assert not index.notes and "a" in index


@pytest.mark.parametrize(
    ("number", "kind", "step"),
    [(errno.ENOSPC, errors.StoreFull, "Free some space"), (errno.EIO, None, "Check the disk")]
    + [(errno.EDQUOT, errors.StoreFull, "Free some"), (errno.ENOENT, None, "Make the folder")]
    + [(errno.EROFS, errors.StoreReadOnly, "Make it writable"), (errno.EISDIR, None, "Choose")]
    + [(errno.EACCES, errors.StoreReadOnly, "Make it writable"), (None, None, "Choose another")],
)
def test_error_says_what_to_do_about_its_reason(number, kind, step):
    error = OSError("odd") if number is None else OSError(number, os.strerror(number))
    found = place.failed("/x cannot be made", error)
    assert type(found) is (kind or errors.StoreError)
    reason = "odd" if number is None else os.strerror(number)
    assert str(found).startswith(f"/x cannot be made: {reason}. {step}")


def test_lock_does_not_outlive_its_process_in_a_child_of_it(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path; from edgeclip.index import place\n"
        "place.lock(Path(sys.argv[1]))\n"
        "if os.fork() == 0: print(os.getpid(), flush=True); time.sleep(20); os._exit(0)\n"
        "time.sleep(0.2); os._exit(0)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        grandchild = int(process.stdout.readline())
        process.wait()
        place.unlock(place.lock(tmp_path))
        os.kill(grandchild, signal.SIGKILL)


def test_ballast_is_kept_and_given_up(tmp_path):
    place.keep_ballast(tmp_path)
    ballast = tmp_path / place.BALLAST
    assert ballast.stat().st_size == place.BALLAST_BYTES
    assert ballast.stat().st_blocks * 512 >= place.BALLAST_BYTES
    inode = ballast.stat().st_ino
    place.keep_ballast(tmp_path)
    assert ballast.stat().st_ino == inode
    assert place.free_ballast(tmp_path) and not place.free_ballast(tmp_path)


def test_ballast_that_was_not_finished_is_made_anew(tmp_path):
    (tmp_path / place.BALLAST).touch()
    place.keep_ballast(tmp_path)
    assert (tmp_path / place.BALLAST).stat().st_size == place.BALLAST_BYTES


def test_ballast_is_less_on_a_small_disk(tmp_path, monkeypatch):
    usage = lambda free: lambda _: type("Usage", (), {"free": free})  # noqa: E731
    monkeypatch.setattr(place.shutil, "disk_usage", usage(4 << 20))
    place.keep_ballast(tmp_path)
    assert (tmp_path / place.BALLAST).stat().st_size == 512 << 10
    place.free_ballast(tmp_path)
    monkeypatch.setattr(place.shutil, "disk_usage", usage(1000))
    place.keep_ballast(tmp_path)
    assert not (tmp_path / place.BALLAST).exists()
