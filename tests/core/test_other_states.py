"""A state goes into a memory or a model like the one that made it, under any mode of autograd; any other is refused."""

from dataclasses import replace

import pytest
import torch
from builders import make_input, make_memory
from properties import check_close
from torch import Tensor

from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.memory.tree import map_tree, tensors
from titans_mini.miras import PRESETS, MirasMemory
from titans_mini.models.generate import generate

OTHER_MEMORIES = {
    "batch": ({}, 2, r"another batch: state.tokens_seen must be \(3\), not \(2,\)"),
    "chunk": (dict(chunk=16), 3, r"another chunk: state.chunk must be \(0, 4\), not \(0, 16\)"),
    "heads": (dict(heads=1), 3, r"another heads: state.pending.features must be \(6, any, 3\), not \(3, 3, 3\)"),
    "dim": (dict(dim=16), 3, r"another dim: state.conv must be \(3, 3, 24\), not \(3, 3, 48\)"),
    "conv": (dict(conv=1), 3, r"another conv: state.conv must be \(3, 3, 24\), not \(3, 0, 24\)"),
    "gate": (dict(gate="excess"), 3, r"another gate: state.pending.features must be \(6, any, 3\)"),
    "depth": (dict(depth=3), 3, "another depth: state.momentum must have 2 parts, not 3"),
    "expansion": (dict(expansion=3), 3, r"another dim, heads, expansion .*: state.momentum.1 must be \(6, 4, 8\)"),
}


@pytest.mark.parametrize("use", ["forward", "recall", "frozen"])
@pytest.mark.parametrize("setting", OTHER_MEMORIES)
def test_a_state_of_another_memory_is_refused_by_what_differs(setting, use):
    settings, batch, message = OTHER_MEMORIES[setting]
    _, state = make_memory(**settings)(make_input(3, batch=batch, dim=settings.get("dim", 8)))
    with pytest.raises(ConfigError, match=message):
        getattr(make_memory(), use)(make_input(5), state)


def test_a_state_of_another_dtype_device_or_kind_is_refused():
    memory, x = make_memory(), make_input(5)
    _, state = memory(x)
    wrong = {
        "another dtype: state.conv must be torch.float64, not torch.float32": map_tree(
            lambda part: part.float() if part.is_floating_point() else part, state
        ),
        "another device: state.chunk must be cpu, not meta": map_tree(lambda part: part.to("meta"), state),
        "state must be a MemoryState, not a tuple": tuple(state),
        "state must be a MemoryState, not a Tensor": x,
        "state.conv must be a tensor, not NoneType": state._replace(conv=None),
    }
    for message, other in wrong.items():
        with pytest.raises(ConfigError, match=message):
            memory(x, other)


def test_a_state_that_does_not_tell_its_chunk_is_refused_where_too_many_tokens_wait():
    memory, x = make_memory(), make_input(5)
    _, state = make_memory(chunk=16)(x)
    with pytest.raises(ConfigError, match="another chunk: 5 tokens wait, and a chunk has 4"):
        memory(x, state._replace(chunk=None))
    _, own = memory(x)
    assert torch.equal(memory(x, own._replace(chunk=None))[0], memory(x, own)[0])


def test_a_miras_memory_refuses_the_state_of_another_rule():
    make = lambda name: MirasMemory(PRESETS[name].memory_config(dim=8), PRESETS[name].config)  # noqa: E731
    x = make_input(3).float()
    for other in PRESETS:
        _, state = make(other)(x)
        if make(other).wanted_state(3).chunk.axes != make("atlas").wanted_state(3).chunk.axes:
            with pytest.raises(ConfigError, match="state is of another chunk"):
                make("atlas")(x, state)
    _, state = make("moneta")(x)
    with pytest.raises(ConfigError, match="state is of another"):
        make("ttt_linear")(x, state)


# ---- models ----

SMALL = TitansConfig("mag", vocab_size=11, dim=8, heads=2, window=4, chunk=4, persistent=2)
IDS = torch.arange(10).view(2, 5)


def read(config: TitansConfig, ids: Tensor = IDS, **options):
    torch.manual_seed(0)
    return TitansLM(config)(ids, **options)


OTHER_MODELS = {
    "batch": (SMALL, IDS[:1], "another batch: state.layers.1.window.values"),
    "window": (replace(SMALL, window=8), IDS, "another window: state.layers.1.window.values"),
    "heads": (replace(SMALL, heads=4), IDS, "another heads: state.layers.1.window.values"),
    "dim": (replace(SMALL, dim=16), IDS, "another dim: state.layers.1.window.values"),
    "layers": (replace(SMALL, layers=1), IDS, "another depth: state.layers must have 2 parts, not 1"),
    "chunk": (replace(SMALL, chunk=16), IDS, "another chunk: state.layers.1.memory.chunk"),
    "gate": (replace(SMALL, gate="surprise"), IDS, "another gate: state.layers.1.memory.pending.features"),
    "memory_layers": (replace(SMALL, memory_layers=(0,)), IDS, "another variant: state.layers.1.memory must be there"),
    "variant": (replace(SMALL, variant="lmm"), IDS, "another variant: state.layers.1.window must be there"),
    "segments": (replace(SMALL, variant="mac"), IDS, "window must be a WindowState, not a SegmentState"),
}


@pytest.mark.parametrize("setting", OTHER_MODELS)
def test_a_model_refuses_the_state_of_another(setting):
    config, ids, message = OTHER_MODELS[setting]
    _, state = read(config, ids)
    with pytest.raises(ConfigError, match=message):
        read(SMALL, state=state)
    with pytest.raises(ConfigError, match=message):
        generate(TitansLM(SMALL), IDS, 3, state=state)


@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
def test_a_model_takes_its_own_states_back(variant):
    config = replace(SMALL, variant=variant)
    for memory in ("on", "frozen", "off"):
        _, state = read(config, memory=memory)
        read(config, state=state, memory=memory)
    _, state = read(config)
    read(config, state=state, memory="frozen")


def test_a_segment_that_began_without_memory_ends_without_it():
    config = replace(SMALL, variant="mac")
    _, state = read(config, IDS[:, :3], memory="off")
    read(config, IDS[:, :3], state=state, memory="off")
    with pytest.raises(ConfigError, match="memory must stay off until the segment ends, not on"):
        read(config, IDS[:, :3], state=state)


def test_ids_are_checked():
    wrong = {
        "not list": IDS.tolist(),
        r"not torch.int64 \(5,\)": IDS[0],
        "not torch.int32": IDS.int(),
        r"ids must lie in 0..10, not -1..8": IDS - 1,
        r"ids must lie in 0..10, not 2..11": IDS + 2,
        "ids must be on cpu": IDS.to("meta"),
    }
    for message, ids in wrong.items():
        with pytest.raises(ConfigError, match=message):
            read(SMALL, ids)


# ---- modes of autograd ----


def test_a_state_made_under_inference_mode_can_be_trained_on_from():
    memory = make_memory()
    with torch.inference_mode():
        _, made = memory(make_input(6))
        x = make_input(70, seed=2)
    _, plain = memory(make_input(6))
    gradients = []
    for state, given in ((made, x), (map_tree(Tensor.detach, plain), make_input(70, seed=2))):
        memory.zero_grad()
        sum(
            (memory(given, state)[0], memory.recall(given, state), memory.frozen(given, state)[0])
        ).square().sum().backward()
        gradients.append([parameter.grad for parameter in memory.parameters()])
    check_close(*gradients)
    assert all(part.is_inference() for part in tensors(made))


@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
def test_a_models_state_made_under_inference_mode_too(variant):
    torch.manual_seed(0)
    lm = TitansLM(replace(SMALL, variant=variant))
    with torch.inference_mode():
        _, state = lm(IDS)
    lm(IDS, state)[0].sum().backward()
