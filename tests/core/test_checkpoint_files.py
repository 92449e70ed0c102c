"""Files of checkpoints: what was saved comes back, and what is damaged, foreign or missing ends in one line."""

import json
import os
import random
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from damage import damage
from safetensors.torch import load_file, save_file

from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.cli import main
from titans_mini.training.checkpoint import (
    DIGEST,
    load_model,
    read_card,
    save_model,
    write_card,
)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import checksums  # noqa: E402

MODEL = TitansConfig(variant="mag", vocab_size=80, dim=16, heads=2, window=4, chunk=4, layers=1)
DAMAGES = 100


def small_model(seed=0, config=MODEL):
    torch.manual_seed(seed)
    with torch.device("cpu"):
        return TitansLM(config)


def same(first, second):
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def refusal(call, *arguments):
    """The one line with which a call is refused."""
    with pytest.raises(ConfigError) as caught:
        call(*arguments)
    line = str(caught.value)
    assert "\n" not in line and 0 < len(line) < 1500
    return line


@pytest.fixture
def path(tmp_path):
    """A saved model's path, without an ending."""
    save_model(small_model(), tmp_path / "m", {"training": {"task": "recall"}})
    return tmp_path / "m"


@pytest.fixture
def weights(path):
    return path.with_name("m.safetensors")


def change_card(path, **changes):
    """A card with other content whose checksum fits."""
    about = path.with_name("m.json")
    card = {name: value for name, value in {**json.loads(about.read_text()), **changes}.items() if value is not None}
    write_card(about, card)


def change_weights(path, change):
    """Weights with other content, for which the card has the right checksum."""
    weights = path.with_name("m.safetensors")
    tensors = load_file(weights)
    change(tensors)
    save_file(tensors, weights)
    change_card(path, **{DIGEST: checksums.sha256(weights)})


def test_names_keep_their_dots(tmp_path):
    names = ("v1.5", "v1.6", "a.b.c", "lr=0.004")
    for seed, name in enumerate(names):
        assert save_model(small_model(seed), tmp_path / name) == tmp_path / f"{name}.safetensors"
    assert len(os.listdir(tmp_path)) == 2 * len(names)
    for seed, name in enumerate(names):
        for ending in ("", ".safetensors", ".json"):
            assert same(load_model(f"{tmp_path / name}{ending}"), small_model(seed))


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_a_model_keeps_its_floating_point_type(tmp_path, kind):
    lm = small_model().to(kind)
    save_model(lm, tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.head.weight.dtype == kind and same(again, lm)


def test_tied_weights_and_compiled_modules_are_saved_as_they_are(tmp_path):
    lm = small_model()
    lm.head.weight = lm.embed.weight
    save_model(lm, tmp_path / "tied")
    again = load_model(tmp_path / "tied")
    assert torch.equal(again.head.weight, again.embed.weight) and torch.equal(again.head.weight, lm.embed.weight)
    lm = small_model()
    lm.layers[0] = torch.compile(lm.layers[0], backend="eager")
    save_model(lm, tmp_path / "compiled")
    assert same(load_model(tmp_path / "compiled"), small_model())


def test_loading_draws_as_many_random_numbers_as_making_the_model(path):
    torch.manual_seed(7)
    TitansLM(MODEL)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    load_model(path)
    assert torch.equal(torch.rand(3), wanted)


def test_a_global_default_type_or_device_changes_nothing(path):
    torch.set_default_dtype(torch.float64)
    try:
        assert load_model(path).head.weight.dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert same(load_model(path), small_model())


@pytest.mark.parametrize("name", ["", ".", "..", "folder/", "x" * 300, "a/" + "x" * 300, "nul\0", "no-such", "/", "~"])
def test_names_that_are_none_are_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert "checkpoint must be a path or one of" in refusal(load_model, name)
    assert refusal(read_card, name)
    assert main(["eval", "--checkpoint", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    if name in ("", ".", "..", "folder/", "/"):
        assert "checkpoint must be a path that ends in a name" in refusal(save_model, small_model(), name)
    assert os.listdir(tmp_path) == ["folder"]


def test_a_pipe_or_a_folder_in_place_of_a_file_is_refused(path, weights):
    card = path.with_name("m.json")
    for file, call in ((weights, load_model), (card, read_card), (card, load_model)):
        kept = file.read_bytes()
        for make in (os.mkfifo, os.mkdir):
            file.unlink()
            make(file)
            assert "cannot be" in refusal(call, path)
            file.rmdir() if file.is_dir() else file.unlink()
            file.write_bytes(kept)
    assert load_model(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "cannot be read"),
        (b"{}", "damaged"),
        (b"[]", "damaged"),
        (b"null", "damaged"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe{}", "cannot be read"),
        (b'{"sha256": 1}', "checksum does not fit"),
        (b'{"sha256": "0", "n": 1' + b"0" * 5000 + b"}", "cannot be read"),
    ],
)
def test_a_card_that_is_none_is_refused(path, content, told):
    path.with_name("m.json").write_bytes(content)
    assert told in refusal(read_card, path) and told in refusal(load_model, path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": None}, "'model'"),
        ({"model": [1]}, "'model'"),
        ({"parameters": None}, "'parameters'"),
        ({"training": 7}, "'training'"),
        ({DIGEST: None}, DIGEST),
        ({DIGEST: "0" * 64}, "checksum does not fit"),
        *(
            ({"model": {**asdict(MODEL), name: value}}, told)
            for name, value, told in (
                ("colour", "red", "'colour'"),
                ("dim", "16", ""),
                ("dim", 16.5, ""),
                ("dim", 32, "shape"),
                ("dim", 8192, "shape"),
                ("layers", 2, "is missing"),
                ("layers", 0, "layers must be"),
                ("variant", "mad", "variant must be"),
                ("heads", None, ""),
                ("memory_layers", [9], "memory_layers must be"),
                ("memory_layers", 3, ""),
                ("memory_layers", [], ""),
            )
        ),
        ({"model": {name: value for name, value in asdict(MODEL).items() if name != "memory_layers"}}, "memory_layers"),
    ],
)
def test_a_card_that_does_not_fit_names_the_field(path, changes, told, capsys):
    change_card(path, **changes)
    assert told in refusal(load_model, path)
    assert main(["eval", "--checkpoint", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def whole(tensors):
    tensors["head.weight"] = tensors["head.weight"].long()


def not_a_number(tensors):
    tensors["head.weight"][3, 2] = torch.nan


def infinite(tensors):
    tensors["embed.weight"][0, 0] = torch.inf


def shorter(tensors):
    tensors["head.weight"] = tensors["head.weight"][:, :8].contiguous()


def missing(tensors):
    del tensors["head.weight"]


def too_many(tensors):
    tensors["extra"] = torch.zeros(1)


def mixed(tensors):
    tensors["head.weight"] = tensors["head.weight"].double()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (whole, "tensor 'head.weight' is int64, not float32"),
        (not_a_number, "tensor 'head.weight' holds NaN or infinite numbers"),
        (infinite, "tensor 'embed.weight' holds NaN or infinite numbers"),
        (shorter, "tensor 'head.weight' has the shape (80, 8), not (80, 16)"),
        (missing, "tensor 'head.weight' is missing"),
        (too_many, "tensor 'extra' has no place in this model"),
        (mixed, "'head.weight' is float64"),
    ],
)
def test_weights_that_do_not_fit_name_the_tensor(path, change, told, capsys):
    change_weights(path, change)
    assert told in refusal(load_model, path)
    assert main(["eval", "--checkpoint", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_weights_and_card_of_two_models_are_refused(path, weights, tmp_path):
    save_model(small_model(1), tmp_path / "other")
    weights.write_bytes((tmp_path / "other.safetensors").read_bytes())
    assert refusal(load_model, path) == "checkpoint 'm.safetensors' is damaged or belongs to another card: " + (
        "its checksum does not fit"
    )


@pytest.mark.parametrize("ending", [".safetensors", ".json"])
def test_no_damage_of_a_checkpoint_is_silent(path, ending):
    file, card = path.with_name(f"m{ending}"), read_card(path)
    data, dice, wanted = file.read_bytes(), random.Random(0), load_model(path)
    harmless = 0
    for _ in range(DAMAGES):
        file.write_bytes(damage(data, dice))
        try:
            lm = load_model(path)
        except ConfigError as error:
            assert "\n" not in str(error)
        else:  # a space of a card that has become another: it says the same
            assert ending == ".json" and same(lm, wanted) and read_card(path) == card
            harmless += 1
    assert harmless < DAMAGES / 5


def test_a_killed_save_leaves_the_old_model_or_a_refusal(path, weights, monkeypatch):
    old, replace = load_model(path), os.replace

    def stop(*_):
        raise KeyboardInterrupt

    for allowed in (0, 1):
        left = iter([replace] * allowed)
        monkeypatch.setattr(os, "replace", lambda *paths, left=left: next(left, stop)(*paths))
        with pytest.raises(KeyboardInterrupt):
            save_model(small_model(1), path)
        monkeypatch.undo()
        if allowed:
            assert "belongs to another card" in refusal(load_model, path)
        else:
            assert same(load_model(path), old)
    assert sorted(os.listdir(path.parent)) == ["m.json", "m.safetensors"]
