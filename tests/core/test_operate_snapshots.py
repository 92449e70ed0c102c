"""A snapshot is there whole or not at all, gives back every bit, and is refused where it does not belong."""

import errno
import io
import os
import random
import time
from pathlib import Path

import pytest
import torch
from drills.processes import Child, run_with_file_limit, save_forever, small_engine, start
from models import KINDS, make_ids, make_model

from titans_mini.config import ConfigError
from titans_mini.files import write_whole
from titans_mini.kept import encode_state
from titans_mini.memory.tree import named, tensors
from titans_mini.operate import (
    LanguageEngine,
    MemoryEngine,
    RecipeEngine,
    SnapshotError,
    Snapshots,
)

KILLS = 100


@pytest.fixture
def store(tmp_path):
    return Snapshots(tmp_path / "snapshots", small_engine(), keep=3)


def written(engine, tokens: int = 0):
    """A state that has read something."""
    torch.manual_seed(tokens)
    state = engine.read(torch.randn(21, 32), engine.start()).state
    return state._replace(tokens_seen=torch.tensor([tokens]))


def same(first, second) -> bool:
    return named(first).keys() == named(second).keys() and all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(tensors(first), tensors(second), strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_models_state_comes_back_bit_by_bit(kind, tmp_path):
    lm = make_model(kind)
    store = Snapshots(tmp_path, LanguageEngine(lm))
    with torch.no_grad():
        state = lm(make_ids(14, rows=1))[1]
        back = store.load(store.save(state))
        assert type(back) is type(state) and same(back, state)
        assert torch.equal(*(lm(make_ids(9, rows=1, seed=2), part)[0] for part in (state, back)))


def test_the_recipes_stream_comes_back(tmp_path):
    engine = RecipeEngine()
    state = engine.read(torch.arange(40), engine.start()).state
    store = Snapshots(tmp_path, engine)
    assert same(store.load(store.save(state)), state)


def test_a_snapshot_shares_nothing_with_the_live_state(store):
    state = written(store.engine)
    wanted = [tensor.clone() for tensor in tensors(state)]
    made = store.save(state)
    for live in (state, store.load(made)):  # whoever holds them may even change them in place
        for tensor in tensors(live):
            tensor.zero_()
    assert all(torch.equal(a, b) for a, b in zip(tensors(store.load(made)), wanted, strict=True))


def test_old_ones_go_and_named_ones_stay(store):
    store.save(written(store.engine, 1), name="first")
    for tokens in range(10, 18):
        store.save(written(store.engine, tokens))
        store.save(written(store.engine, tokens), healthy=False)
    store.save(written(store.engine, 2), name="first")
    labels = [(snapshot.label, snapshot.tokens) for snapshot in store.list()]
    kept = [(label, tokens) for tokens in (15, 16, 17) for label in ("auto", "alarm")]
    assert labels == [*kept, ("first", 2)]
    assert set(store.verify().values()) == {"ok"}


def test_fewer_than_kept_all_stay(store):
    for tokens in range(3):
        store.save(written(store.engine, tokens))
        assert len(store.list()) == tokens + 1


def test_every_cut_and_every_flipped_bit_is_refused_and_the_last_good_one_used(store):
    good, last = store.save(written(store.engine, 1)), store.save(written(store.engine, 2))
    data, dice = last.path.read_bytes(), random.Random(0)
    cuts = [0, 1, 7, 8, 9, len(data) - 1, *(dice.randrange(len(data)) for _ in range(20))]
    header = 8 + int.from_bytes(data[:8], "little")
    flips = [*range(8), *(dice.randrange(header) for _ in range(100)), *(dice.randrange(len(data)) for _ in range(30))]
    changed = [data[:cut] for cut in cuts] + [data + b"x"]
    changed += [data[:i] + bytes([data[i] ^ (1 << dice.randrange(8))]) + data[i + 1 :] for i in flips]
    for wrong in changed:
        last.path.write_bytes(wrong)
        found, state, refused = store.latest()
        assert found == good and same(state, written(store.engine, 1))
        assert len(refused) == 1 and last.path.name in refused[0] and "\n" not in refused[0]


def test_foreign_files_are_refused(tmp_path, store):
    torch.manual_seed(1)
    others = {
        "other weights": MemoryEngine(type(store.engine.memory)(store.engine.memory.config)),
        "other width": small_engine(16),
        "other kind": LanguageEngine(make_model("mag")),
    }
    for engine in others.values():
        made = Snapshots(store.folder, engine).save(engine.start())
        with pytest.raises(SnapshotError, match="another model: its fingerprint"):
            store.load(made)
        made.path.write_bytes(encode_state(engine.start(), store.fingerprint))  # a lie about whom it belongs to
        if engine is not others["other weights"]:
            with pytest.raises(SnapshotError, match="another memory"):
                store.load(made)
    (store.folder / "00000009-000000000009-auto.safetensors").write_bytes(b"not a snapshot")
    (store.folder / "notes.txt").write_text("left alone")
    assert len(store.latest()[2]) >= 1 and "notes.txt" not in store.verify()


def test_another_schema_is_refused(store, monkeypatch):
    monkeypatch.setattr("titans_mini.kept.SCHEMA", "titans_mini.snapshot/0")
    made = store.save(written(store.engine))
    monkeypatch.undo()
    with pytest.raises(SnapshotError, match=r"schema 'titans_mini.snapshot/0'; this version reads"):
        store.load(made)


ODD = {
    "deep metadata": b'{"__metadata__":' + b"[" * 100_000,
    "deep tensors": b'{"a":' * 100_000,
    "no metadata": b"{}",
    "a list": b"[]",
    "metadata of another kind": b'{"__metadata__":{"sha256":[1]}}',
}


@pytest.mark.parametrize("header", ODD.values(), ids=ODD)
def test_odd_headers_are_damaged_files_as_any_other(store, header):
    good, last = store.save(written(store.engine, 1)), store.save(written(store.engine, 2))
    last.path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert store.latest()[0] == good
    assert "damaged" in store.verify()[last.path.name]


@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None), lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_passed_over_without_a_hang(store, make):
    good, last = store.save(written(store.engine, 1)), store.save(written(store.engine, 2))
    last.path.unlink()
    make(last.path)
    assert store.latest()[0] == good
    assert "cannot be read" in store.verify()[last.path.name]


@pytest.mark.parametrize("cause", ["0" * 64, "f" * 64, '"sha256":', '雪 \\ " \0', "x" * 100_000])
def test_no_cause_makes_a_snapshot_unreadable(store, cause):
    state = written(store.engine, 3)
    for _ in range(6):  # safetensors' own order of metadata differs from call to call
        assert same(store.load(store.save(state, cause=cause)), state)


@pytest.mark.parametrize(("number", "tokens"), [(99_999_999, 5), (3, 10**12), (10**9, 10**15)])
def test_large_numbers_are_saved_found_and_ordered(store, number, tokens):
    """One more digit than the name has room for: such a file was saved, and never found again."""
    first = store.save(written(store.engine, 1))
    first.path.rename(store.folder / f"{number:08d}-{1:012d}-auto.safetensors")
    made = store.save(written(store.engine, tokens))
    assert (made.number, made.tokens) == (number + 1, tokens)
    assert [snapshot.number for snapshot in store.list()] == [number, number + 1]
    assert store.latest()[0] == made and same(store.load(made), written(store.engine, tokens))
    assert [store.save(written(store.engine, tokens + 1 + i)).number for i in range(3)] == [
        number + 2 + i for i in range(3)
    ]
    assert [snapshot.tokens for snapshot in store.list()] == [tokens + 1 + i for i in range(3)]


def test_a_folder_that_cannot_be_read_is_one_line():
    long = Snapshots("x" * 300, small_engine())
    for call in (long.list, long.verify, long.latest, lambda: long.save(long.engine.start())):
        with pytest.raises(SnapshotError) as caught:
            call()
        assert os.strerror(errno.ENAMETOOLONG) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "", ".", "A", "x" * 65, "auto", "nul\0", 7, "nul", "com1", "a ", "a."]
)
def test_unsafe_names_are_refused(store, name):
    with pytest.raises(ConfigError, match="name must be"):
        store.save(store.engine.start(), name=name)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_disk_that_takes_nothing_is_one_line_and_harms_nothing(store, monkeypatch, number, function):
    store.save(written(store.engine, 1))

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(SnapshotError) as caught:
        store.save(written(store.engine, 2))
    assert os.strerror(number) in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.undo()
    assert [snapshot.tokens for snapshot in store.list()] == [1] and not list(store.folder.glob("*.part"))


def test_a_folder_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SnapshotError, match="snapshot not written"):
        Snapshots(tmp_path / "file" / "folder", small_engine()).save(small_engine().start())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_device_that_is_really_full_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "kept.safetensors"
    write_whole(path, b"old")
    monkeypatch.setattr(Path, "open", lambda *_: io.FileIO("/dev/full", "w"))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_whole(path, b"new" * 10_000)
    monkeypatch.undo()
    assert path.read_bytes() == b"old" and [child.name for child in tmp_path.iterdir()] == [path.name]


def test_where_files_may_not_grow_the_stream_goes_on(tmp_path):
    ((events, tokens),) = start(run_with_file_limit, tmp_path, 4096).messages()
    assert tokens == 300
    assert [(event.action, event.kind) for event in events] == [("refused", "snapshot")]
    assert os.strerror(errno.EFBIG) in events[0].cause and not Snapshots(tmp_path, small_engine()).list()


def kill_at_random(tmp_path, kills: int, *, in_place: bool = False) -> tuple[int, int, int]:
    """Kills saving processes, four at a time: (kills that left a file half, broken snapshots, lost snapshots).

    Each is killed some saves after its start, so that a busy machine delays the kill as well as the saves.
    """
    dice, halves, broken, lost, engine = random.Random(0), 0, 0, 0, small_engine()
    folders = [tmp_path / str(i) for i in range(4)]
    for _ in range(kills // len(folders)):
        children = [start(save_forever, folder, in_place) for folder in folders]
        safe = [0] * len(children)
        for place in dice.sample(range(len(children)), len(children)):
            for _ in range(dice.randint(1, 5)):
                safe[place] = children[place].pipe.recv()
            time.sleep(dice.uniform(0.0, 0.003))
            children[place].process.kill()
        for folder, child, told in zip(folders, children, safe, strict=True):
            promised = max([told, *Child.messages(child)])
            store = Snapshots(folder, engine)
            halves += bool(list(folder.glob("*.part")))
            broken += sum(line != "ok" for line in store.verify().values())
            lost += store.latest()[1].tokens_seen.item() < promised
    return halves, broken, lost


def test_a_hundred_kills_lose_and_halve_nothing(tmp_path):
    halves, broken, lost = kill_at_random(tmp_path, KILLS)
    assert (broken, lost) == (0, 0)
    assert halves > 0  # some of them did strike while a file was being written


def test_kills_do_catch_a_writer_that_writes_in_place(tmp_path):
    _, broken, lost = kill_at_random(tmp_path, 20, in_place=True)
    assert broken + lost > 0


def test_what_a_killed_writer_left_is_cleared_away(store):
    store.save(written(store.engine, 1))
    (store.folder / "00000002-000000000002-auto.part").write_bytes(b"half")
    assert len(store.list()) == 1
    store.save(written(store.engine, 3))
    assert not list(store.folder.glob("*.part"))
