"""States are values: they go through a file and a fresh process bit for bit, and helpers move rows' tokens about."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from builders import MEMORIES, make_input, make_memory
from safetensors.torch import load_file, save_file

from titans_mini import MemoryConfig, MemoryState
from titans_mini.memory.gates import GateState
from titans_mini.memory.state import Pending
from titans_mini.memory.tree import join, map_tree, tensors


def flatten(state: MemoryState) -> dict[str, torch.Tensor]:
    """Every tensor of a state by name, each with storage of its own."""
    parts = dict(gate=state.gate, pending=state.pending, weights=state.weights, momentum=state.momentum)
    found = {"conv": state.conv, "tokens_seen": state.tokens_seen}
    for name, part in parts.items():
        keys = part._fields if hasattr(part, "_fields") else range(len(part))
        found |= {f"{name}.{key}": value for key, value in zip(keys, part, strict=True) if value is not None}
    found |= {} if state.activity is None else {"activity": state.activity}
    return {name: tensor.detach().contiguous().clone() for name, tensor in found.items()}


def unflatten(found: dict[str, torch.Tensor]) -> MemoryState:
    """The inverse of `flatten`."""
    layers = range(sum(name.startswith("weights.") for name in found))
    return MemoryState(
        *(tuple(found[f"{name}.{layer}"] for layer in layers) for name in ("weights", "momentum")),
        gate=GateState(*(found[f"gate.{field}"] for field in GateState._fields)),
        pending=Pending(*(found.get(f"pending.{field}") for field in Pending._fields)),
        conv=found["conv"],
        tokens_seen=found["tokens_seen"],
        activity=found.get("activity"),
    )


def go_on(folder: Path, kind: str) -> None:
    """What the fresh process does: builds the memory from files, goes on from the state, and saves what comes."""
    memory = make_memory(**MEMORIES[kind])
    with torch.no_grad():
        for parameter in memory.parameters():
            parameter.zero_()
    assert memory.config == MemoryConfig(**json.loads((folder / "config.json").read_text()))
    memory.load_state_dict(load_file(folder / "module.safetensors"))
    out, state = memory(make_input(9, batch=5, seed=2), unflatten(load_file(folder / "state.safetensors")))
    save_file({"out": out.detach(), **flatten(state)}, folder / "after.safetensors")


@pytest.mark.parametrize("kind", ["learned", "recipe", "excess"])
def test_a_fresh_process_goes_on_bit_for_bit(tmp_path, kind):
    memory = make_memory(**MEMORIES[kind])
    _, state = memory(make_input(2 * memory.config.chunk + 3, batch=5))
    save_file(flatten(state), tmp_path / "state.safetensors")
    save_file(memory.state_dict(), tmp_path / "module.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(asdict(memory.config)))
    code = f"import pathlib, test_state; test_state.go_on(pathlib.Path({str(tmp_path)!r}), {kind!r})"
    places = {"PYTHONPATH": os.pathsep.join([str(folder) for folder in Path(__file__).parents[:2]] + sys.path)}
    subprocess.run([sys.executable, "-c", code], env=os.environ | places, check=True)
    out, after = memory(make_input(9, batch=5, seed=2), state)
    wanted, found = {"out": out, **flatten(after)}, load_file(tmp_path / "after.safetensors")
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert torch.equal(found[name], wanted[name]), name


@pytest.mark.parametrize("kind", MEMORIES)
def test_restoring_twice_repeats_the_run(kind):
    """A snapshot that 37 further tokens were read after restores the run that never saw them."""
    memory, x = make_memory(**MEMORIES[kind]), make_input(50, seed=3)
    _, state = memory(make_input(6))
    snapshot = flatten(state)
    never = memory(x, state)[0]
    for _ in range(2):
        restored = unflatten(snapshot)
        memory(make_input(37, seed=2), restored)
        assert torch.equal(memory(x, restored)[0], never)


def test_rows_of_a_state_share_no_storage():
    """Writing into one row in place leaves the others, and the module, as they are."""
    memory = make_memory()
    state = memory.initial_state(3)
    for tensor in tensors(state):
        assert tensor.numel() == 0 or 0 not in tensor.stride()
    start = [weight.detach().clone() for weight in memory.start]
    with torch.no_grad():
        for weight in state.weights:
            weight[0] = 9
    assert all(torch.equal(now, before) for now, before in zip(memory.start, start, strict=True))
    assert all(bool((weight[memory.config.heads :] != 9).all()) for weight in state.weights)


def test_a_module_keeps_no_state():
    memory, x = make_memory(), make_input(9)
    names, buffers = set(vars(memory)), {name: value.clone() for name, value in memory.state_dict().items()}
    first = memory(x)[0]
    memory(make_input(9, seed=2), memory(x)[1])
    assert torch.equal(memory(x)[0], first)
    assert set(vars(memory)) == names
    assert all(torch.equal(value, buffers[name]) for name, value in memory.state_dict().items())


def test_map_tree_keeps_names_and_none():
    pending = Pending(*torch.ones(3, 1, 1, 1))
    doubled = map_tree(lambda tensor: tensor * 2, (pending, [pending.keys], None))
    assert isinstance(doubled[0], Pending) and doubled[2] is None and isinstance(doubled[1], list)
    assert [tensor.item() for tensor in tensors(doubled)] == [2, 2, 2, 2]


def test_map_tree_takes_leaves_of_any_type_and_leaves_the_rest_to_the_first_tree():
    state, other = make_memory().initial_state(1), make_memory(seed=1).initial_state(1)
    swapped = map_tree(
        lambda ours, theirs: theirs, (state.conv, state.pending), (other.conv, other.pending), leaf=Pending
    )
    assert swapped[0] is state.conv and swapped[1] is other.pending
    assert [tensor.tolist() for tensor in join([torch.ones(1, 1), torch.zeros(1, 2)])] == [[1, 0, 0]]
