"""The Triton kernel is the token loop: through Triton's interpreter anywhere, and on a GPU where there is one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import kernel_runs
import pytest
import torch
from kernel_runs import CASES, HIDDEN, WIDTH
from safetensors.torch import load_file, save_file

from titans_mini import MemoryConfig
from titans_mini.memory.chunk import TitansRule
from titans_mini.memory.fast import device_loop, kernel
from titans_mini.memory.mlp import ACTIVATIONS, initial_weights
from titans_mini.quantize import RoundedRule
from titans_mini.reference import token_loop

ROWS, TOKENS = 2, 9
HAS_TRITON = importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(not HAS_TRITON, reason="triton is not installed: pip install 'titans-mini[cuda]'")
DEVICES = [
    pytest.param("cpu", id="interpreter"),
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


@pytest.fixture(scope="module")
def given():
    """Start weights, and tokens that differ in each row; theta and alpha well above 0."""
    random = torch.Generator().manual_seed(3)
    config = MemoryConfig(dim=ROWS * WIDTH, heads=ROWS, expansion=HIDDEN // WIDTH)
    first, second = (weight.double() for weight in initial_weights(config, random))
    keys, values, queries = torch.randn(3, ROWS, TOKENS, WIDTH, generator=random, dtype=torch.float64).unbind()
    features = torch.randn(ROWS, TOKENS, 3, generator=random, dtype=torch.float64)
    keys = torch.nn.functional.normalize(keys, dim=-1)
    return dict(first=first, second=second, keys=keys, values=values, queries=queries, features=features)


@pytest.fixture(scope="module")
def outcomes(given, tmp_path_factory):
    """device -> what the kernel made of each case there, run once in a process of its own."""
    folder, done = tmp_path_factory.mktemp("kernels"), {}
    save_file({name: tensor.contiguous() for name, tensor in given.items()}, folder / "given.safetensors")

    def get(device):
        if device not in done:
            target = folder / f"{device}.safetensors"
            program = [sys.executable, Path(kernel_runs.__file__), folder / "given.safetensors", target, device]
            environment = {**os.environ, "TRITON_INTERPRET": "1" if device == "cpu" else "0"}
            subprocess.run(program, env=environment, check=True, timeout=300)
            done[device] = load_file(target)
        return done[device]

    return get


def oracle(name, given, clip="as in the case"):
    """reads, raw, loss, memory norm and the final memory of `reference.token_loop`, rows stacked."""
    case, loops = CASES[name], []
    for row in range(ROWS):
        first, second, keys, values, queries, features = (tensor[row].clone() for tensor in given.values())
        clip = case.clip if clip == "as in the case" else clip
        plain, silu = case.pairing.plain(features), torch.nn.functional.silu
        loops.append(token_loop([first, second], keys, values, queries, plain, silu, clip=clip))
    names = ("reads", "raw", "loss", "memory_norm")
    wanted = {name: torch.stack([getattr(loop, name) for loop in loops]) for name in names}
    for layer in range(2):
        wanted[f"weights.{layer}"] = torch.stack([loop.weights[layer] for loop in loops])
        if case.pairing.momentum:
            wanted[f"momentum.{layer}"] = torch.stack([loop.momentum[layer] for loop in loops])
    return {key: tensor.detach() for key, tensor in wanted.items()}


def distance(found, wanted):
    """Largest difference over the tensors of `wanted`."""
    return max(float((found[key] - tensor).abs().max()) for key, tensor in wanted.items())


@needs_triton
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("device", DEVICES)
def test_the_kernel_is_the_token_loop(device, name, given, outcomes):
    found = {key.removeprefix(f"{name}/"): tensor for key, tensor in outcomes(device).items() if f"{name}/" in key}
    assert distance(found, oracle(name, given)) < 1e-10
    eager = kernel_runs.run(CASES[name], given, kernel_runs.loop)  # also the gates, and the gate's running statistics
    assert found.keys() == eager.keys() and distance(found, eager) < 1e-10


@needs_triton
@pytest.mark.parametrize("device", DEVICES)
def test_a_memory_token_by_token_runs_on_the_kernel(device, outcomes):
    found = {key.removeprefix("memory/"): tensor for key, tensor in outcomes(device).items() if "memory/" in key}
    assert int(found["launches"]) == 2  # one for each call
    plain, kernel_made = (
        {key.removeprefix(kind): tensor for key, tensor in found.items() if key.startswith(kind)}
        for kind in ("plain/", "kernel/")
    )
    assert plain.keys() == kernel_made.keys()
    for name, wanted in plain.items():
        torch.testing.assert_close(kernel_made[name], wanted, rtol=1e-10, atol=1e-10)


@needs_triton
def test_the_comparison_would_see_a_wrong_rule(given, outcomes):
    found = {key.removeprefix("excess/"): tensor for key, tensor in outcomes("cpu").items() if "excess/" in key}
    assert distance(found, oracle("excess", given, clip=0.6)) > 1e-4
    assert distance(found, oracle("constant", given)) > 1e-4
    swapped = {key: tensor.flip(0) for key, tensor in found.items()}
    assert distance(swapped, oracle("excess", given)) > 1e-4


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from titans_mini.memory.fast.recurrence import NORMALISERS, recurrence
for recipe, dtype in ((True, "fp32"), (False, "fp64")):
    signature = dict.fromkeys(("state", "series", "gate", "reads", "trace"), "*" + dtype) | {"tokens": "i32"}
    fixed = dict(H=16, D=8, recipe=recipe, normalise=NORMALISERS["excess"] if recipe else None)
    source = triton.compiler.ASTSource(recurrence, signature | dict.fromkeys(fixed, "constexpr"), fixed)
    print(len(triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm["cubin"]))
"""


@needs_triton
def test_it_compiles_for_a_gpu_that_is_not_here(tmp_path):
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    sizes = list(map(int, done.stdout.split()))
    assert len(sizes) == 2 and min(sizes) > 1000


@pytest.mark.parametrize("name", CASES)
def test_the_eager_loop_is_the_token_loop(name, given):
    assert distance(kernel_runs.run(CASES[name], given, kernel_runs.loop), oracle(name, given)) < 1e-10


BEYOND = {
    "depth 2": lambda fast, tokens, rule: (fast._replace(weights=fast.weights[:1]), tokens, rule),
    "activation silu": lambda fast, tokens, rule: (fast, tokens, rule._replace(activation=ACTIVATIONS["tanh"])),
    "the inner loss of the paper": lambda fast, tokens, rule: (
        fast, tokens, rule._replace(inner_loss=lambda *given: given),
    ),
    "gate surprise, learned or constant": lambda fast, tokens, rule: (
        fast, tokens, rule._replace(gate=torch.nn.Identity()),
    ),
    "head and hidden width powers of two": lambda fast, tokens, rule: (
        fast._replace(weights=tuple(torch.zeros(ROWS, *shape) for shape in ((24, 6), (6, 24)))), tokens, rule,
    ),
    "weights and momentum of at most 128 KB a row and head": lambda fast, tokens, rule: (
        fast._replace(weights=tuple(torch.zeros(1, *shape) for shape in ((512, 64), (64, 512)))), tokens, rule,
    ),
    "decay towards zero": lambda fast, tokens, rule: (fast, tokens, rule._replace(origin=fast.weights)),
    "float32 or float64": lambda fast, tokens, rule: (fast, tokens._replace(keys=tokens.keys.half()), rule),
}  # fmt: skip


@needs_triton
@pytest.mark.parametrize("limit", BEYOND)
def test_what_the_kernel_cannot_run_is_named(limit, given, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # any device will do
    usual = (*kernel_runs.memory(given), TitansRule(CASES["excess"].pairing.gate))
    assert kernel.obstacle(*usual) is None
    unusual = BEYOND[limit](*usual)
    assert kernel.obstacle(*unusual) == limit
    with torch.no_grad():
        assert kernel.obstacle(*usual) is None and kernel.obstacle(*unusual) is not None


def test_the_device_decides(given, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    usual = (*kernel_runs.memory(given), TitansRule(CASES["excess"].pairing.gate))
    assert kernel.obstacle(*usual) in ("triton is installed", "tensors lie on a CUDA device")


@needs_triton
def test_a_gradient_or_another_rule_is_left_to_the_loop(given, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    fast, tokens = kernel_runs.memory(given)
    rule = TitansRule(CASES["excess"].pairing.gate)
    assert device_loop(fast, tokens, rule) is None  # a gradient may be wanted
    with torch.no_grad():
        assert device_loop(fast, tokens, rule) is kernel.launch
        assert device_loop(fast, tokens, RoundedRule(rule, torch.round, 1)) is None
