"""A user's memory lasts from one process to the next, under safe names, for one writer at a time."""

import random
import threading

import pytest
import torch
from corruption import corrupted
from drills.processes import count_up, recall, small_engine, start, teach
from models import make_model

from titans_mini.config import ConfigError
from titans_mini.operate import LanguageEngine, Sessions


@pytest.fixture
def sessions(tmp_path):
    return Sessions(tmp_path / "sessions", small_engine(), wait=0.1)


def add(sessions, user: str, name: str, tokens: int) -> int:
    with sessions.open(user, name) as session:
        session.state = session.state._replace(tokens_seen=session.state.tokens_seen + tokens)
        return session.state.tokens_seen.item()


def test_users_and_names_are_apart(sessions):
    assert add(sessions, "ana", "one", 5) == 5
    assert add(sessions, "ana", "two", 7) == 7
    assert add(sessions, "ben", "one", 11) == 11
    assert add(sessions, "ana", "one", 1) == 6
    assert sessions.list("ana") == ["one", "two"] and sessions.list("ben") == ["one"] and sessions.list("eva") == []


def test_facts_told_in_one_process_are_recalled_in_another(tmp_path):
    (teacher,) = start(teach, tmp_path / "told", 4).messages()
    ((pupil, right),) = start(recall, tmp_path / "told", 4).messages()
    ((_, guessed),) = start(recall, tmp_path / "never told", 4).messages()
    assert teacher != pupil
    assert right >= 0.9 and guessed < 0.3


def test_two_writers_lose_nothing(tmp_path):
    children = [start(count_up, tmp_path, 12) for _ in range(2)]
    assert [child.messages() for child in children] == [[12], [12]]
    assert add(Sessions(tmp_path, small_engine()), "ana", "shared", 0) == 24


def test_a_second_writer_gets_one_line_while_the_first_goes_on(sessions):
    caught = []

    def second():
        try:
            add(sessions, "ana", "one", 100)
        except ConfigError as error:
            caught.append(str(error))

    with sessions.open("ana", "one") as session:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert add(sessions, "ana", "other", 1) == 1  # another session is free
        session.state = session.state._replace(tokens_seen=torch.tensor([3]))
    assert caught == ["session 'one' of user 'ana' is in use by another writer; waited 0.1 s"]
    assert add(sessions, "ana", "one", 0) == 3


def test_what_fails_halfway_keeps_what_was_there(sessions):
    add(sessions, "ana", "one", 5)
    with pytest.raises(KeyError), sessions.open("ana", "one") as session:
        session.state = session.state._replace(tokens_seen=torch.tensor([99]))
        raise KeyError
    assert add(sessions, "ana", "one", 0) == 5


@pytest.mark.parametrize("bad", ["../ana", "a/b", "", "..", "Ana", "a b", "x" * 65, None])
def test_no_name_leaves_the_folder(sessions, bad):
    for user, name in ((bad, "one"), ("ana", bad)):
        with pytest.raises(ConfigError, match="must be 1 to 64 of a-z"), sessions.open(user, name):
            pass
    assert not sessions.folder.exists()


@pytest.mark.parametrize("device", ["con", "prn", "aux", "nul", "com1", "com9", "lpt1", "lpt9"])
def test_names_that_windows_keeps_for_devices_are_refused(sessions, device):
    for user, name in ((device, "one"), ("ana", device)):
        with (
            pytest.raises(ConfigError, match=f"must be another name: '{device}' is a device"),
            sessions.open(user, name),
        ):
            pass
    assert add(sessions, "console", "com10", 1) == 1


@pytest.mark.parametrize("bad", ["a ", "a.", " a", "nul ", "nul.", "a\n"])
def test_blanks_and_dots_are_refused(sessions, bad):
    with pytest.raises(ConfigError, match="must be 1 to 64 of a-z"), sessions.open("ana", bad):
        pass


def test_links_in_a_circle_and_long_folders_are_one_line(sessions, tmp_path):
    sessions.folder.mkdir()
    (sessions.folder / "ana").symlink_to(sessions.folder / "ana")
    for folder in (sessions.folder, tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError) as caught, Sessions(folder, sessions.engine).open("ana", "one"):
            pass
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be listed"):
        Sessions(tmp_path / ("x" * 300), sessions.engine).list("ana")


def test_a_hundred_corruptions_never_open_and_never_change_what_is_kept(sessions):
    add(sessions, "ana", "one", 5)
    (kept,) = (sessions.folder / "ana" / "one").glob("*.safetensors")
    data, dice = kept.read_bytes(), random.Random(1)
    for _ in range(100):
        kept.write_bytes(wrong := corrupted(data, dice))
        with pytest.raises(ConfigError, match="damaged"), sessions.open("ana", "one"):
            pass
        assert kept.read_bytes() == wrong
    kept.write_bytes(b'{"a":' * 100_000)
    with pytest.raises(ConfigError, match="damaged"), sessions.open("ana", "one"):
        pass


def test_a_link_out_of_the_folder_is_refused(sessions, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    sessions.folder.mkdir()
    (sessions.folder / "ana").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="lies outside"), sessions.open("ana", "one"):
        pass
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_session_of_another_model_is_refused_and_left_alone(sessions):
    add(sessions, "ana", "one", 5)
    other = Sessions(sessions.folder, LanguageEngine(make_model("mag")))
    with pytest.raises(ConfigError, match="another model"), other.open("ana", "one"):
        pass
    assert add(sessions, "ana", "one", 0) == 5
