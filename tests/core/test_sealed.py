"""A sealed file comes back bit by bit, or is refused in one line: no flipped bit, cut or odd file gets through."""

import itertools
import json
import os
import random
import threading

import pytest
import torch
from corruption import corrupted

from titans_mini.files import open_regular, parse, read_bytes
from titans_mini.kept import CHANGED, CUT, DamagedError, pack, seal, unpack, unseal

TENSORS = {
    "weights.0": torch.linspace(-1, 1, 12).view(3, 4),
    "weights.1": torch.linspace(-1, 1, 12).view(3, 4).t().bfloat16(),  # not contiguous
    "tokens": torch.tensor([3]),
    "none": torch.zeros(0, 2),
}
ABOUT = {"cause": "0" * 64, "fingerprint": "f" * 64, "name": "雪", "tokens": "3"}


@pytest.mark.parametrize("order", [*itertools.permutations(ABOUT)])
def test_every_order_of_the_metadata_gives_the_same_bytes_whatever_they_hold(order):
    """A cause of 64 zeros once took the place of the digest, in one order of two."""
    data = pack(TENSORS, {name: ABOUT[name] for name in order})
    assert data == pack(TENSORS, ABOUT)
    tensors, about = unpack(data)
    assert about == ABOUT and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_a_cause_that_is_the_digest_itself_does_not_confuse_it():
    digest = json.loads(pack(TENSORS, ABOUT)[8:].split(b"}}")[0] + b"}}")["__metadata__"]["sha256"]
    about = {**ABOUT, "cause": digest}
    assert unpack(pack(TENSORS, about))[1] == about


def test_no_single_bit_is_left_unchecked():
    data = pack(TENSORS, ABOUT)
    for place, bit in itertools.product(range(len(data)), range(8)):
        wrong = bytearray(data)
        wrong[place] ^= 1 << bit
        with pytest.raises(DamagedError):
            unpack(bytes(wrong))


def test_a_hundred_corruptions_of_both_forms_are_refused():
    data, dice = pack(TENSORS, ABOUT), random.Random(0)
    text = json.dumps(seal({"rows": [1.5, "two", None], "more": {"a": 1}})).encode()
    for _ in range(100):
        with pytest.raises(DamagedError):
            unpack(corrupted(data, dice))
        with pytest.raises(ValueError):
            unseal(parse(corrupted(text, dice)))


def test_json_comes_back_and_a_change_does_not():
    content = {"b": [1, 2.5, None], "a": {"c": "é"}}
    assert unseal(parse(json.dumps(seal(content)))) == content
    for wrong in ({**seal(content), "b": [1, 2.5]}, {**seal(content), "more": 1}):
        with pytest.raises(DamagedError, match=CHANGED):
            unseal(wrong)
    for wrong in (content, [], None, 3):
        with pytest.raises(DamagedError, match=CUT):
            unseal(wrong)


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_deep_json_is_damaged_as_anything_else(bracket):
    text = bracket.encode() * 100_000
    with pytest.raises(ValueError, match="nested too deeply"):
        parse(text)
    for header in (b'{"__metadata__":' + text, text):
        with pytest.raises(DamagedError, match=CUT):
            unpack(len(header).to_bytes(8, "little") + header)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DamagedError):
        unseal({"rows": deep, "sha256": ""})
    while deep:  # freed link by link, since the interpreter's own way is as deep
        deep = deep.pop()


def test_only_regular_files_are_opened_and_nothing_hangs(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert read_bytes(tmp_path / "file") == b"abc"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero", "a\0b", tmp_path / "none", tmp_path / ("x" * 300)):
        opened = []
        thread = threading.Thread(target=lambda path=path, opened=opened: opened.append(failure(path)), daemon=True)
        thread.start()
        thread.join(20)
        assert opened and opened[0].strerror and "\n" not in opened[0].strerror


def failure(path) -> OSError:
    with pytest.raises(OSError) as caught:
        open_regular(path)
    return caught.value
