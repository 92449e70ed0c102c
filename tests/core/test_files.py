"""Results are written whole or not at all, by any number of writers, on any file system."""

import errno
import multiprocessing
import os
import stat
import threading

import pytest

from titans_mini import ConfigError
from titans_mini.files import clear_parts, held, owned, write_whole, writing_to

CONTEXT = multiprocessing.get_context("spawn")


@pytest.mark.parametrize("name", ["a", "v1.5.json", ".hidden", "x" * 255, "ünï.txt", "a.part"])
def test_any_name_is_written_and_nothing_else_stays(tmp_path, name):
    path = tmp_path / name
    for data in (b"one", b"two"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == [name]


def test_text_is_utf8_with_its_line_ends_kept(tmp_path):
    write_whole(tmp_path / "a", "λ\nβ\r\n")
    assert (tmp_path / "a").read_bytes() == "λ\nβ\r\n".encode()


def test_two_writers_never_show_a_part(tmp_path):
    path, contents = tmp_path / "shared", [bytes([number]) * 200_000 for number in range(2)]
    write_whole(path, contents[0])
    writers = [threading.Thread(target=lambda c=c: [write_whole(path, c) for _ in range(60)]) for c in contents]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(path.read_bytes())
    assert seen <= set(contents) and path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["shared"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch, number):
    flush = os.fsync

    def refuse_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_whole(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_a_broken_disk_is_still_told(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    line = f"^out 'there' cannot be written: {os.strerror(errno.EIO)}$"
    with pytest.raises(ConfigError, match=line), writing_to("out", "there"):
        write_whole(tmp_path / "a", b"whole")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("path", ["absent/a", "file/a", "folder", "x" * 300])
def test_a_place_that_cannot_be_is_an_oserror_and_leaves_nothing(tmp_path, path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / path, b"data")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_an_interrupted_write_keeps_the_old_file_and_no_part(tmp_path, monkeypatch):
    write_whole(tmp_path / "a", b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a", b"new")
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_what_killed_writers_left_can_be_cleared(tmp_path):
    for name in ("a.json", ".0123.part", "b.part"):
        (tmp_path / name).write_bytes(b"")
    clear_parts(tmp_path)
    assert os.listdir(tmp_path) == ["a.json"]


def _hold(path, pipe):
    with held(path, ConfigError("busy")):
        pipe.send("held")
        pipe.recv()


def test_a_lock_keeps_others_away_until_its_process_ends(tmp_path):
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_hold, args=(tmp_path / "lock", there), daemon=True)
    process.start()
    assert here.recv() == "held"
    with pytest.raises(ConfigError, match="^busy$"), held(tmp_path / "lock", ConfigError("busy")):
        pass
    process.kill()
    process.join()
    with held(tmp_path / "lock", ConfigError("busy")):
        pass


def test_a_folder_is_made_and_has_one_owner(tmp_path):
    folder = tmp_path / "new"
    for _ in range(2):  # free again after the first time
        with owned(folder, ".lock", "search"):
            line = "out .*new' is in use by another search"
            with pytest.raises(ConfigError, match=line), owned(folder, ".lock", "search"):
                pass
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="out .*file' cannot be written"), owned(tmp_path / "file", ".lock", "search"):
        pass
