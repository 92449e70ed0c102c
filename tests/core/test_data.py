"""Streams: real text, bad files, and scenarios whose events are where they say."""

import builtins
import hashlib
import inspect
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from titans_mini import ConfigError
from titans_mini.data import SCENARIOS, bundled_text, check_text, make_stream, read_text
from titans_mini.data import text as text_module
from titans_mini.data.encode import CONTEXT, Encoder
from titans_mini.data.text import MAX_BYTES, builtin_docstrings

DIM = 64
# SHA-256 of the text that every stored number of this project was measured on: that of numpy 2.4.6.
TEXT_SHA256 = "59d7096e7cf73c00b6d136b98d6b86cfe17d2a35ead5cec8265d03b7fcb30b6f"


def test_bundled_text_is_long_real_english():
    text = bundled_text()
    assert len(text) > 200_000
    assert text.count(" the ") > 2000


def test_bundled_text_is_the_one_that_stored_numbers_were_measured_on():
    digest = hashlib.sha256(bundled_text().encode()).hexdigest()
    assert (digest == TEXT_SHA256) is (numpy.__version__ == "2.4.6")


def starts(python: str | None) -> bool:
    """Whether this is an interpreter; a version manager puts names in the path that only say what is missing."""
    return python is not None and subprocess.run([python, "-I", "-c", ""], capture_output=True).returncode == 0


PYTHONS = [found for minor in (11, 12, 13, 14) if starts(found := shutil.which(f"python3.{minor}"))]


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).name)
def test_bundled_text_does_not_depend_on_the_python_that_reads_it(python):
    """The module's own source, run by another interpreter over the same files, without its imports."""
    source = re.sub(r"^from \.\..*\n", "", inspect.getsource(text_module), flags=re.MULTILINE)
    source = source.replace("import numpy", f"class numpy: __file__ = {numpy.__file__!r}")
    code = f"{source}\nimport hashlib\nprint(hashlib.sha256(bundled_text().encode()).hexdigest())"
    told = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == hashlib.sha256(bundled_text().encode()).hexdigest()


def test_a_file_that_an_older_numpy_lacks_is_left_out(monkeypatch):
    monkeypatch.setattr(text_module, "SOURCES", ("lib/of_another_numpy.py", *text_module.SOURCES))
    assert bundled_text.__wrapped__() == bundled_text()


def test_without_numpys_source_the_docstrings_of_builtins_stand_in(monkeypatch, tmp_path):
    monkeypatch.setattr(text_module.numpy, "__file__", str(tmp_path / "__init__.py"))
    assert bundled_text.__wrapped__() == builtin_docstrings()
    assert len(builtin_docstrings()) > 20_000 and builtins.len.__doc__.strip() in builtin_docstrings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"PNG\0\0", "is binary or UTF-16"),
        ("snow".encode("utf-16"), "is binary or UTF-16"),
        (b"caf\xe9 au lait", "is not UTF-8 text: byte 3"),
        (b"x" * (MAX_BYTES + 1), "is larger than 10 MB"),
    ],
)
def test_bad_files_end_in_one_line(tmp_path, content, message):
    path = tmp_path / "input.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_text(path)
    assert "\n" not in str(caught.value) and "'input.txt'" in str(caught.value)


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_unreadable_files_end_in_one_line(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_text(tmp_path / name)


@pytest.mark.parametrize("make", [getattr(os, "mkfifo", None), lambda path: os.symlink("/dev/zero", path)])
def test_a_pipe_or_a_device_is_refused_without_a_hang(tmp_path, make):
    make(tmp_path / "odd")
    with pytest.raises(ConfigError, match="cannot be read: Not a regular file"):
        read_text(tmp_path / "odd")


@given(st.text(max_size=60))
def test_any_text_is_accepted_or_refused_in_one_line(text):
    try:
        stream = make_stream("text", 100, 8, text=text)
    except ConfigError as error:
        assert "\n" not in str(error)
    else:
        assert bytes(stream.ids.tolist()) == check_text(text).encode()[:100]


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("tokens", [1, 2, 7, 300])
def test_every_scenario_has_the_length_and_events_inside(name, tokens):
    stream = make_stream(name, tokens, 8, seed=1)
    assert len(stream.ids) == len(stream.keys) == len(stream.values) == tokens
    assert stream.keys.isfinite().all() and stream.values.isfinite().all()
    assert all(0 <= event.start < event.end <= tokens for event in stream.events) or tokens < 3


@pytest.mark.parametrize("name", SCENARIOS)
def test_seeds_repeat_and_differ(name):
    first, again, other = (make_stream(name, 200, DIM, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.keys, again.keys) and torch.equal(first.values, again.values)
    assert not torch.equal(first.values, other.values)


def test_a_longer_run_begins_like_a_shorter_one():
    short, long = make_stream("text", 100, DIM), make_stream("text", 400, DIM)
    assert torch.equal(short.values, long.values[:100]) and torch.equal(short.keys, long.keys[:100])


def test_keys_depend_on_the_recent_past_alone():
    ids = torch.randint(0, 256, (60,), generator=torch.Generator().manual_seed(0))
    changed = ids.clone()
    changed[30] = (changed[30] + 1) % 256
    keys, other = (Encoder(ids, DIM, seed=0)(series)[0] for series in (ids, changed))
    moved = (keys != other).any(-1).nonzero().flatten().tolist()
    assert moved == list(range(31, 31 + CONTEXT))  # not token 30 itself: its key does not know it


def test_keys_are_unit_and_values_are_so_on_average():
    stream = make_stream("text", 3000, DIM)
    assert torch.allclose(stream.keys.norm(dim=-1), torch.ones(3000), atol=1e-5)
    ids = stream.ids
    _, values = Encoder(ids, DIM, seed=0)(ids)
    assert values.square().sum(-1).mean().item() == pytest.approx(1, abs=1e-4)


def test_rare_bytes_have_longer_values():
    ids = torch.tensor([101] * 990 + [126] * 10)
    _, values = Encoder(ids, DIM, seed=0)(ids)
    assert values[-1].norm() > 2 * values[0].norm()


def test_events_are_where_the_stream_changes():
    repeated = make_stream("repetition", 400, DIM)
    half = repeated.events[0].start
    assert torch.equal(repeated.ids[:half], repeated.ids[half:])
    burst = make_stream("novelty_burst", 400, DIM)
    start, end = burst.events[0].start, burst.events[0].end
    known = set(burst.ids[:start].tolist())
    assert not known & set(burst.ids[start:end].tolist()) and set(burst.ids[end:].tolist()) <= known
    silent = make_stream("silence", 300, DIM)
    start, end = silent.events[0].start, silent.events[0].end
    quiet = (silent.keys == 0).all(-1) & (silent.values == 0).all(-1)
    assert quiet.nonzero().flatten().tolist() == list(range(start, end))
    outliers, steady = make_stream("outliers", 200, DIM), make_stream("steady", 200, DIM)
    changed = (outliers.values.norm(dim=-1) > 3 * steady.values.norm(dim=-1)).nonzero().flatten().tolist()
    assert changed == [event.start for event in outliers.events]
    for tokens in (1, 3, 17, 2000):
        series = make_stream("series", tokens, DIM)
        assert set(bytes(series.ids.tolist())) <= set(b"abcdefghijklmnopqrstuvwxyz") and len(series.ids) == tokens
        assert all(0 <= event.start < event.end <= tokens for event in series.events)
    assert [bytes([series.ids[e.start]]) for e in series.events if e.name == "spike"] == [b"z", b"z"]
    level, period, noise = (series.ids[e.start : e.end] for e in series.events if e.name != "spike")
    before = series.ids[300:500]  # usual days
    assert level.min() > before.max() and before.float().std() == pytest.approx(level.float().std().item(), rel=0.1)
    assert (period[:-12] - period[12:]).abs().max() <= 2 < 6 < (before[:-12] - before[12:]).abs().max()
    steps = [part.float().diff().std() for part in (noise, before)]
    assert steps[0] > 1.5 * steps[1]
    shift = make_stream("topic_shift", 400, DIM)
    assert not set(shift.ids[:200].tolist()) & set(shift.ids[200:].tolist())
