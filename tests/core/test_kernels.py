"""The Triton kernel is the token loop: through Triton's interpreter anywhere, and on a GPU where there is one."""

import contextlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import kernel_runs
import pytest
import torch
from kernel_runs import CASES, OTHERS, ROWS
from safetensors.torch import load_file

from titans_mini.memory.chunk import TitansRule
from titans_mini.memory.fast import device_loop, kernel
from titans_mini.memory.mlp import ACTIVATIONS, Activation
from titans_mini.quantize import RoundedRule
from titans_mini.reference import token_loop

HAS_TRITON = importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(not HAS_TRITON, reason="triton is not installed: pip install 'titans-mini[cuda]'")
DEVICES = [
    pytest.param("cpu", id="interpreter"),
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]
USUAL = CASES["excess"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """(device, name of a case) -> what the kernel made of it there, in one process for each device."""
    with contextlib.ExitStack() as processes:
        running = {}

        def start(device):
            folder = tmp_path_factory.mktemp(device)
            program = [sys.executable, Path(kernel_runs.__file__), folder, device]
            environment = {**os.environ, "TRITON_INTERPRET": "1" if device == "cpu" else "0"}
            pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            return folder, processes.enter_context(subprocess.Popen(program, env=environment, **pipes))

        def get(device, name):
            if device not in running:
                running[device] = start(device)
            folder, process = running[device]
            if not (folder / f"{name}.safetensors").exists():
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                assert process.stdout.readline() == "done\n"
            return load_file(folder / f"{name}.safetensors")

        yield get


def oracle(name, clip="as in the case"):
    """reads, raw, loss, memory norm and the final memory of `reference.token_loop`, rows stacked."""
    case, loops = CASES[name], []
    fast, tokens = kernel_runs.memory(case)
    for row in range(ROWS):
        first, second, keys, values, queries, features = (tensor[row].clone() for tensor in (*fast.weights, *tokens))
        clip = case.clip if clip == "as in the case" else clip
        plain, function = case.pairing.plain(features), ACTIVATIONS[case.activation].value
        origin = case.rule().origin
        home = None if origin is None else [part[row % len(part)] for part in origin]
        loops.append(token_loop([first, second], keys, values, queries, plain, function, clip=clip, origin=home))
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
def test_the_kernel_is_the_token_loop(device, name, outcomes):
    found = outcomes(device, name)
    assert distance(found, oracle(name)) < 1e-10
    eager = kernel_runs.run(CASES[name], kernel_runs.loop)  # also the gates, and the gate's running statistics
    assert found.keys() == eager.keys() and distance(found, eager) < 1e-10


@needs_triton
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("device", DEVICES)
def test_the_kernel_is_the_loop_of_single_tokens(device, name, outcomes):
    found, eager = outcomes(device, name), kernel_runs.run(OTHERS[name], kernel_runs.loop)
    assert found.keys() == eager.keys() and ("reads" in found) == (OTHERS[name].stream != "unasked")
    exact = 1e-10 if eager["raw"].dtype == torch.float64 else 1e-5
    for key, wanted in eager.items():
        torch.testing.assert_close(found[key], wanted, rtol=exact, atol=exact, equal_nan=True)
    assert OTHERS[name].stream != "nan" or found["raw"][0].isnan().tolist() == [False, True, True]


@needs_triton
@pytest.mark.parametrize("device", DEVICES)
def test_a_memory_token_by_token_runs_on_the_kernel(device, outcomes):
    found = outcomes(device, "memory")
    assert int(found["launches"]) == 2  # one for each call
    plain, kernel_made = (
        {key.removeprefix(kind): tensor for key, tensor in found.items() if key.startswith(kind)}
        for kind in ("plain/", "kernel/")
    )
    assert plain.keys() == kernel_made.keys()
    for name, wanted in plain.items():
        torch.testing.assert_close(kernel_made[name], wanted, rtol=1e-10, atol=1e-10)


@needs_triton
def test_the_comparison_would_see_a_wrong_rule(outcomes):
    found = outcomes("cpu", "excess")
    assert distance(found, oracle("excess", clip=0.6)) > 1e-4
    assert distance(found, oracle("constant")) > 1e-4
    swapped = {key: tensor.flip(0) for key, tensor in found.items()}
    assert distance(swapped, oracle("excess")) > 1e-4


BUILDS = ("learned 64", "learned 16", "recipe 64", "recipe 64 double", "recipe 16", "constant 24")


@needs_triton
@pytest.mark.parametrize("name", BUILDS)
def test_it_compiles_once_for_a_gpu_that_is_not_here_and_stays_in_its_registers(name, tmp_path):
    program = Path(kernel_runs.__file__).with_name("kernel_builds.py")
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, program, tmp_path, name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    size, spilled, compiled, lossy = map(int, done.stdout.split())
    assert size > 1000 and spilled <= 64 and (compiled, lossy) == (1, 0)


@pytest.mark.parametrize("name", CASES)
def test_the_eager_loop_is_the_token_loop(name):
    assert distance(kernel_runs.run(CASES[name], kernel_runs.loop), oracle(name)) < 1e-10


RELU = Activation(torch.relu, lambda z: (torch.relu(z), (z > 0).to(z)))
BEYOND = {
    "depth 2": lambda fast, tokens, rule: (fast._replace(weights=fast.weights[:1]), tokens, rule),
    "activation silu, gelu or tanh": lambda fast, tokens, rule: (fast, tokens, rule._replace(activation=RELU)),
    "the inner loss of the paper": lambda fast, tokens, rule: (
        fast, tokens, rule._replace(inner_loss=lambda *given: given),
    ),
    "gate surprise, learned or constant": lambda fast, tokens, rule: (
        fast, tokens, rule._replace(gate=torch.nn.Identity()),
    ),
    "shapes and dtypes of one memory": lambda fast, tokens, rule: (
        fast, tokens._replace(queries=tokens.queries[:, 1:]), rule,
    ),
    "float32 or float64": lambda fast, tokens, rule: (fast, tokens._replace(keys=tokens.keys.half()), rule),
}  # fmt: skip


@needs_triton
@pytest.mark.parametrize("limit", BEYOND)
def test_what_the_kernel_cannot_run_is_named(limit, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # any device will do
    usual = (*kernel_runs.memory(USUAL), USUAL.rule())
    assert kernel.obstacle(*usual) is None
    unusual = BEYOND[limit](*usual)
    assert kernel.obstacle(*unusual) == limit
    with torch.no_grad():
        assert kernel.obstacle(*usual) is None and kernel.obstacle(*unusual) is not None


def test_the_device_decides(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    usual = (*kernel_runs.memory(USUAL), USUAL.rule())
    assert kernel.obstacle(*usual) in ("triton is installed", "tensors lie on a CUDA device")


@needs_triton
@pytest.mark.skipif(torch.cuda.is_available() or "TRITON_INTERPRET" in os.environ, reason="Triton works here")
def test_where_triton_cannot_compile_the_kernel_does_not_serve(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    usual = (*kernel_runs.memory(USUAL), USUAL.rule())
    monkeypatch.setitem(kernel.LIMITS, "tensors lie on a CUDA device", lambda *given: True)
    assert kernel.obstacle(*usual) == "triton can compile here"  # no driver, no compiler: one line, and no error


@needs_triton
def test_a_gradient_or_another_rule_is_left_to_the_loop(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    fast, tokens = kernel_runs.memory(USUAL)
    rule = TitansRule(USUAL.pairing.gate)
    assert device_loop(fast, tokens, rule) is None  # a gradient may be wanted
    with torch.no_grad():
        assert device_loop(fast, tokens, rule) is kernel.launch
        assert device_loop(fast, tokens, RoundedRule(rule, torch.round, 1)) is None


def test_what_stays_on_the_chip_follows_from_the_bytes_of_a_row():
    found = {}
    for case in (CASES["learned"], CASES["excess"]):
        for width in (16, 32, 64, 96, 512):
            weights = torch.zeros(1, 4 * width, width), torch.zeros(1, width, 4 * width)
            fast, _ = kernel_runs.memory(case)
            found[case.pairing.momentum, width] = kernel.plan(fast._replace(weights=weights), case.rule())
    kept = {key: plan.kept for key, plan in found.items()}
    assert [kept[True, width] for width in (16, 32, 64, 96, 512)] == [4, 4, 2, 0, 0]
    assert [kept[False, width] for width in (16, 32, 64, 96, 512)] == [2, 2, 2, 0, 0]
    assert found[True, 96][2:4] == (32, 128) and found[True, 512][2:4] == (8, 512)  # tile and wide
