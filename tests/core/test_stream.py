"""A long stream: the same however it is cut or stopped, constant memory, and a fact that is asked for at the end."""

import argparse
import errno
import json
import math
import os
import random
import re
import sys
from pathlib import Path

import pytest
import torch
from corruption import corrupted

from titans_mini import ConfigError
from titans_mini import stream as streams
from titans_mini.cli import main
from titans_mini.cli.stream import add_stream
from titans_mini.kept import encode_state
from titans_mini.memory.tree import tensors
from titans_mini.source import Source
from titans_mini.stopping import Terminated
from titans_mini.stream import PLANTS, SNAPSHOT, Reader, StreamConfig, make_fact, make_piece, peak_memory, slope
from titans_mini.training.tasks import RECALL_KEYS, RECALL_VALUES

TIMES = {"seconds", "tokens_per_second", "slope", "marks", "memory_ratio"}  # what differs from run to run
QUICK = dict(tokens=900, piece=64)


def told(reader):
    """All ids of a reader's stream, (t,)."""
    config = reader.config
    starts = range(0, config.tokens, config.piece)
    parts = [make_piece(config, reader.fact, reader.source, start) for start in starts]
    return torch.cat(parts, dim=1)[0]


def lasting(results):
    return {name: value for name, value in results.items() if name not in TIMES}


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_stream(parser.add_subparsers())
    options = parser.parse_args(["stream", *map(str, arguments)])
    return options.run(options)


@pytest.mark.parametrize("task", PLANTS)
def test_the_plant_is_where_the_telling_ends(task):
    """What is told holds every pair in full, and what is asked begins with the question."""
    fact = make_fact(task, 5)
    answers = fact.asked[fact.ask]
    assert not fact.ask[0, 0] and all(answer in fact.told for answer in answers)
    if task == "needle":
        text = [bytes(ids[0].tolist()).decode() for ids in (fact.told, fact.asked)]
        assert text[0].startswith(" [") and text[0].endswith("] ") and text[1] == "\n" + text[0].strip()[:-1]
    else:
        pairs = dict(fact.told[0].view(-1, 2).tolist())
        assert len(pairs) == 8 and dict(fact.asked[0].view(-1, 2).tolist()) == pairs


def test_a_recall_stream_is_the_pairs_and_then_filler_alone():
    reader = Reader(StreamConfig(**QUICK))
    ids = told(reader)
    assert len(ids) == 900 and torch.equal(ids[:16], reader.fact.told[0])
    assert bool((ids[16:] >= RECALL_KEYS + RECALL_VALUES).all())


def test_a_text_goes_round_and_never_repeats(tmp_path):
    (tmp_path / "loop").write_bytes(b"abcdefgh" * 8)
    config = StreamConfig(checkpoint="conv-lmm", tokens=2000, piece=64, noise=0.1, file=str(tmp_path / "loop"))
    reader = Reader(config)
    ids = told(reader)
    at = reader.fact.place
    assert torch.equal(ids[at : at + 10], reader.fact.told[0])
    rounds = ids[: at - at % 64].view(-1, 64)
    assert len(rounds.unique(dim=0)) == len(rounds)
    kept = (rounds == torch.tensor(list(b"abcdefgh" * 8))).double().mean().item()
    assert abs(kept - 0.9) < 3 * math.sqrt(0.9 * 0.1 / rounds.numel()) + 0.1 / 256
    assert torch.equal(told(Reader(config)), ids)


def test_the_pieces_do_not_change_what_is_remembered():
    states = []
    for piece in (64, 100):
        reader = Reader(StreamConfig(checkpoint="conv-lmm", tokens=1050, piece=piece, noise=0.0))
        reader.run(quiet=True)
        states.append(reader.state)
    for one, other in zip(*map(tensors, states), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_fact_is_recalled_by_the_memory_and_not_without_it():
    reader = Reader(StreamConfig(tokens=2000, piece=512))
    results = reader.run(quiet=True)
    assert results["recalled"] and results["wanted"] == results["said"] and len(results["said"]) == 8
    blank = streams.recall_fact(reader.lm, reader.lm.initial_state(1), reader.fact)
    assert not blank["recalled"] and blank["share_recalled"] < 0.5


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    config = StreamConfig(**QUICK)
    whole = Reader(config)
    wanted = whole.run(quiet=True)
    stopped, step = Reader(config, tmp_path), Reader._step

    def interrupted(reader):
        if reader.position >= 320:
            reader.lm(torch.zeros(1, 5, dtype=torch.int64), reader.state)  # in the middle of a piece
            raise KeyboardInterrupt
        return step(reader)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Reader, "_step", interrupted)
        stopped.run(quiet=True)
    again = Reader(config, tmp_path)
    assert again.position == 320 and again.seconds == stopped.seconds > 0
    assert lasting(again.run(quiet=True)) == lasting(wanted)
    assert all(map(torch.equal, tensors(again.state), tensors(whole.state)))
    assert Reader(config, tmp_path).position == 900  # the end is kept as well


def test_another_stream_does_not_take_up_a_snapshot(tmp_path):
    Reader(StreamConfig(**QUICK), tmp_path).save()
    with pytest.raises(ConfigError, match="other settings"):
        Reader(StreamConfig(**QUICK, seed=1), tmp_path)
    with pytest.raises(ConfigError, match="another model"):
        Reader(StreamConfig(checkpoint="recall-mag", **QUICK), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [SNAPSHOT]


def test_a_hundred_corruptions_of_the_snapshot_are_one_clear_line(tmp_path):
    """Of such files 22 in 100 were once resumed with wrong numbers, and 2 ended in a traceback."""
    reader = Reader(StreamConfig(**QUICK), tmp_path)
    reader.save()
    whole, dice = (tmp_path / SNAPSHOT).read_bytes(), random.Random(2)
    odd = [b'{"a":' * 100_000, b"", whole[: len(whole) // 2]]
    for wrong in odd + [corrupted(whole, dice) for _ in range(100)]:
        (tmp_path / SNAPSHOT).write_bytes(wrong)
        with pytest.raises(ConfigError, match=f"{SNAPSHOT} cannot be used: snapshot is damaged") as caught:
            reader._resume()
        assert "\n" not in str(caught.value)


def test_what_is_no_snapshot_of_a_stream_is_refused(tmp_path):
    reader = Reader(StreamConfig(**QUICK), tmp_path)
    (tmp_path / SNAPSHOT).write_bytes(encode_state(reader.state, reader.fingerprint))  # of this very model
    with pytest.raises(ConfigError, match="not the snapshot of a stream"):
        Reader(reader.config, tmp_path)
    (tmp_path / SNAPSHOT).unlink()
    os.mkfifo(tmp_path / SNAPSHOT)
    with pytest.raises(ConfigError, match="cannot be used: Not a regular file"):
        Reader(reader.config, tmp_path)


def test_two_streams_do_not_share_a_folder(tmp_path, monkeypatch):
    first, second = Reader(StreamConfig(**QUICK), tmp_path), Reader(StreamConfig(**QUICK), tmp_path)

    def meanwhile(reader, step=Reader._step):
        if reader is first:
            with pytest.raises(ConfigError, match="in use by another stream"):
                second.run(quiet=True)
            assert second.position == 0
        return step(reader)

    monkeypatch.setattr(Reader, "_step", meanwhile)
    first.run(quiet=True)
    assert (
        first.position == 900 and second.position == 0 and second.run(quiet=True)["seconds"] == first.seconds
    )  # read from the folder


def test_marks_are_noted_once_and_time_adds_up(monkeypatch):
    monkeypatch.setattr(streams, "MARKS", (128, 512))
    results = Reader(StreamConfig(**QUICK)).run(quiet=True)
    assert [mark["tokens"] for mark in results["marks"]] == [128, 512, 900]
    times = [mark["seconds"] for mark in results["marks"]]
    assert 0 < times[0] < times[1] < times[2] == results["seconds"]
    assert results["memory_ratio"] >= 1


def test_memory_does_not_grow_with_the_stream():
    """The state has the same size after 17 pieces and after 50."""
    sizes = []
    for tokens in (1040, 3200):
        reader = Reader(StreamConfig(checkpoint="conv-mag", tokens=tokens, piece=64, noise=0.5))
        reader.run(quiet=True)
        sizes.append(sum(tensor.nbytes for tensor in tensors(reader.state)))
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_slope_is_the_power_of_the_law(power):
    marks = [{"tokens": n, "seconds": 3e-4 * n**power} for n in (16_384, 131_072, 2_000_000)]
    assert abs(slope(marks) - power) < 1e-9
    assert slope(marks[:1]) is None


def test_peak_memory_sees_what_is_used():
    before = peak_memory()
    block = torch.ones(int((before + 64) * 2**20 / 4))
    assert peak_memory() >= before + 60
    del block
    assert peak_memory() >= before + 60


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(tokens=0), "tokens must be a whole number from 1"),
        (dict(tokens=15), "tokens must be at least 16 for the task recall"),
        (dict(piece=1), "piece must be a whole number from 16"),
        (dict(noise=1.5), "noise must be a number from 0 to 1"),
        (dict(checkpoint="nothing"), "checkpoint must be a path or one of"),
        (dict(task="text"), "task must be one of recall, needle"),
        (dict(task="needle"), "needs 256 symbols, this model has 80"),
        (dict(file="x"), "file can only be used with a model that reads bytes"),
        (dict(checkpoint="conv-lmm", file="no-such-file"), "cannot be read"),
    ],
)
def test_bad_input_is_one_clear_line(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Reader(StreamConfig(**settings))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("size", "start", "count"), [(1, 5, 9), (7, 3, 100), (7, 6, 7), (5000, 4990, 64), (64, 0, 64)])
def test_a_file_goes_round_as_its_bytes_do(tmp_path, size, start, count):
    content = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(content)
    wanted = [content[(start + i) % size] for i in range(count)]
    for source in (Source(tmp_path / "file"), Source(content=content)):
        assert source.take(start, count).tolist() == wanted


def test_a_file_of_any_size_takes_no_memory(tmp_path):
    """A file of 100 GB with holes: all of it was once read, nine bytes for each of its own."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**11)
        file.seek(10**11 - 3)
        file.write(b"end")
    config = StreamConfig(checkpoint="conv-lmm", tokens=1100, piece=64, noise=0.0, file=str(tmp_path / "large"))
    reader = Reader(config)
    assert bytes(reader.source.take(10**11 - 5, 8).tolist()) == b"\0\0end\0\0\0"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**12 + 1)
    with pytest.raises(ConfigError, match="must have 1 to 1000000000000 bytes"):
        Reader(config)


def test_a_file_that_changes_is_not_taken_for_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcdefgh" * 200)
    config = StreamConfig(checkpoint="conv-lmm", tokens=1100, piece=64, file=str(path))
    reader = Reader(config, tmp_path / "out")
    reader.save()
    path.write_bytes(b"abcdefgx" * 200)
    with pytest.raises(ConfigError, match="or another file"):
        Reader(config, tmp_path / "out")
    path.write_bytes(b"abc")
    with pytest.raises(ConfigError, match="became shorter"):
        reader.source.take(0, 64)


@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None), lambda path: os.symlink("/dev/zero", path)])
def test_folders_pipes_and_endless_devices_are_one_line_and_no_hang(tmp_path, make):
    make(tmp_path / "odd")
    with pytest.raises(ConfigError, match="cannot be read: Not a regular file"):
        Reader(StreamConfig(checkpoint="conv-lmm", file=str(tmp_path / "odd")))


@pytest.mark.parametrize("place", ["FILE", "FILE/below", "x" * 300])
def test_a_folder_that_cannot_be_is_one_line_and_exit_code_2(tmp_path, place, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("")
    assert main(["stream", "--tokens", "200", "--quiet", "--out", place]) == 2
    assert re.fullmatch(rf"titans-mini: out '{place}' cannot be (used|written): .+\n", capsys.readouterr().err)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_one_line_and_exit_code_2(tmp_path, number, monkeypatch, capsys):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(number, os.strerror(number))))
    assert main(["stream", "--tokens", "200", "--quiet", "--out", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.err == f"titans-mini: out {str(tmp_path)!r} cannot be written: {os.strerror(number)}\n"
    assert not list(tmp_path.glob("*.part")) and not (tmp_path / SNAPSHOT).exists()


def test_an_empty_file_and_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match="must have 1 to 1000000000000 bytes, not 0"):
        Reader(StreamConfig(checkpoint="conv-lmm", file=str(tmp_path / "empty")))
    with pytest.raises(ConfigError, match="cannot be used"):
        Reader(StreamConfig(**QUICK), tmp_path / "empty" / "folder")


def test_the_command_prints_json_or_lines(capsys):
    assert command("--tokens", 200, "--piece", 64, "--json", "--quiet") == 0
    printed = capsys.readouterr()
    results = json.loads(printed.out)
    assert results["tokens"] == 200 and results["recalled"] and printed.err == ""
    assert command("--tokens", 1100, "--piece", 64, "--checkpoint", "conv-lmm") == 0
    printed = capsys.readouterr()
    assert "peak memory" in printed.out and "recalled" in printed.out and "tokens/s" in printed.err


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_stopped_command_saves_and_says_how_to_continue(tmp_path, capsys, monkeypatch, stop, code):
    def interrupt(reader):
        if reader.position >= 128:
            raise stop
        return step(reader)

    step = Reader._step
    monkeypatch.setattr(Reader, "_step", interrupt)
    arguments = ["stream", "--tokens", "200", "--piece", "64", "--quiet"]
    assert main([*arguments, "--out", str(tmp_path)]) == code
    line = f"titans-mini: stopped at token 128; saved in {str(tmp_path / SNAPSHOT)!r}: run the same command to continue"
    assert capsys.readouterr().err == line + "\n"
    assert Reader(StreamConfig(tokens=200, piece=64), tmp_path).position == 128
    assert main(arguments) == code
    assert capsys.readouterr().err == "titans-mini: stopped at token 128; nothing is saved without --out\n"


def test_where_no_system_tells_the_peak_it_is_unknown(monkeypatch, capsys):
    monkeypatch.setattr(streams, "peak_memory", lambda: None)
    assert command("--tokens", 200, "--piece", 64, "--quiet") == 0
    printed = capsys.readouterr().out
    assert "unknown" in printed and "peak memory at" not in printed


def test_peak_memory_without_the_fields_and_modules_of_one_system(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "read_text", lambda path, *_: "Name: python\n")  # a /proc without VmHWM
    assert peak_memory() > 10
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() is None
