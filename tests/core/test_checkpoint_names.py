"""The names and shapes of the tensors in the shipped checkpoints: other code and files of other people rely on them."""

import pytest
from safetensors import safe_open

from titans_mini import ConstantGate, MemoryConfig, NeuralMemory
from titans_mini.miras import PRESETS, MirasMemory
from titans_mini.training.checkpoint import BUNDLED, bundled_names, load_model

MODEL = {"embed.weight": ("vocabulary", 64), "norm.weight": (64,), "head.weight": ("vocabulary", 64)}
LAYER = {
    "norms.0.weight": (64,), "norms.1.weight": (64,),
    "feedforward.to_hidden.weight": (256, 64), "feedforward.to_out.weight": (64, 128),
}  # fmt: skip
MEMORY = {
    "to_qkv.weight": (192, 64), "conv.weight": (192, 1, 4), "conv.bias": (192,), "start.0": (1, 256, 64),
    "start.1": (1, 64, 256), "norm.weight": (64,), "to_gate.weight": (64, 64), "to_gate.bias": (64,),
    "to_out.weight": (64, 64),
}  # fmt: skip
GATES = {
    "learned": {"gate.linear.weight": (3, 64), "gate.linear.bias": (3,)},
    "surprise": {f"gate.{name}": () for name in ("tau", "beta", "lam", "eta", "softness")},
    "constant": {f"gate.{name}": () for name in ("theta", "eta", "alpha")},
}
ATTENTION = {
    "attention.to_qkv.weight": (192, 64), "attention.to_out.weight": (64, 64),
    "attention.persistent.keys": (4, 4, 16), "attention.persistent.values": (4, 4, 16),
}  # fmt: skip
PRODUCT = {"product.norm_left.weight": (64,), "product.norm_right.weight": (64,), "product.to_out.weight": (64, 64)}
MIXERS = {
    "lmm": {"persistent": (1, 4, 64)},
    "mac": {
        "to_query.weight": (64, 64), "norm.weight": (64,), "to_recalled.weight": (128, 64),
        "to_qkv.weight": (192, 64), "persistent.keys": (4, 4, 16), "persistent.values": (4, 4, 16),
        "to_out.weight": (64, 64), **PRODUCT,
    },
    "mag": ATTENTION | PRODUCT,
    "mal": ATTENTION,
}  # fmt: skip


HEADS, KEYS = (2, 3, 4, 6), 512
CONTEXTS = {
    "contexts.to_phase.weight": (1024, 64), "contexts.to_value.weight": (256, 64), "start.0": (4, 64, KEYS),
    **{f"contexts.taps.{head}": (reach, KEYS // 2) for head, reach in enumerate(HEADS)},
    "to_gate.weight": (256, 64), "to_gate.bias": (256,), "to_out.weight": (64, 256),
}  # fmt: skip
CONTEXT_GATES = GATES | {"learned": {"gate.linear.weight": (8, 64), "gate.linear.bias": (8,)}}
MATRICES = MEMORY | {  # four heads of one matrix
    "start.0": (4, 16, 16), "norm.weight": (16,), "gate.linear.weight": (12, 64), "gate.linear.bias": (12,),
}  # fmt: skip
del MATRICES["start.1"]
COPY = {"to_copy.weight": (1, 64), "to_copy.bias": (1,)}


def prefixed(prefix: str, shapes: dict) -> dict:
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


@pytest.mark.parametrize("name", bundled_names())
def test_a_checkpoint_holds_these_tensors(name):
    config = load_model(name).config
    memory, mixer = MEMORY | GATES[config.gate], MIXERS[config.variant]
    if name == "story-mag":
        memory = MATRICES
    if config.reach:
        assert (config.reach, config.key_width, config.copy, config.momentum) == (HEADS, KEYS, True, False)
        memory = CONTEXTS | CONTEXT_GATES[config.gate]
        mixer = {key: shape for key, shape in mixer.items() if key != "to_query.weight"}  # contexts ask for themselves
    wanted = {key: tuple(config.vocab_size if size == "vocabulary" else size for size in MODEL[key]) for key in MODEL}
    for index in range(config.layers):
        own = mixer | prefixed("memory", memory) if config.has_memory(index) else ATTENTION
        wanted |= prefixed(f"layers.{index}", LAYER | prefixed("mixer", own))
    wanted |= COPY if config.copy else {}
    with safe_open(BUNDLED / f"{name}.safetensors", "pt") as file:
        assert {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()} == wanted  # noqa: SIM118


def names(memory: NeuralMemory) -> dict:
    return {name: tuple(tensor.shape) for name, tensor in memory.state_dict().items()}


def test_a_memory_with_any_gate_has_these_names():
    assert names(NeuralMemory(MemoryConfig())) == MEMORY | GATES["learned"]
    assert names(NeuralMemory(MemoryConfig(gate="surprise", decay="start"))) == MEMORY | GATES["surprise"]
    assert names(NeuralMemory(MemoryConfig(), gate=ConstantGate())) == MEMORY | GATES["constant"]


STARTS = {  # of other architectures than MLPs of 64-256-64
    "matrix": [(64, 64)], "quadratic": [(256, 2144), (64, 256)], "statistics": [(128, 64)], "three": [(64, 64)] * 3,
    "chain": [(256, 64), (64, 256)] * 2, "pair": [(256, 64), (64, 256)] * 2,
}  # fmt: skip
ASKED = {"omeganet": 1, "atlas": 1, "deltaproduct": 129}  # numbers that an algorithm wants of a token
CHANNELS = {"gate.linear.weight": (128, 64), "gate.linear.bias": (128,)}


@pytest.mark.parametrize("name", PRESETS)
def test_a_memory_of_the_design_space_has_these_names(name):
    config = PRESETS[name].config
    outer = {key: shape for key, shape in MEMORY.items() if not key.startswith("start.")}
    shapes = STARTS.get(config.architecture, [(256, 64), (64, 256)])
    start = {f"start.{layer}": (1, *shape) for layer, shape in enumerate(shapes)}
    more = {"gate.delta.weight": (1, 64), "gate.delta.bias": (1,)} if config.bias == "yaad" else {}
    if count := ASKED.get(name):
        more = {"gate.more.weight": (count, 64), "gate.more.bias": (count,)}
    gate = prefixed("gate", CHANNELS if config.gate == "channels" else GATES[config.gate])
    assert names(MirasMemory(PRESETS[name].memory_config(), config)) == outer | start | gate | more
