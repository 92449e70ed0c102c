"""What a memory makes of any input: other dtypes and devices, loud inputs, and inputs that cannot be used."""

import pytest
import torch
from builders import MEMORIES, make_input, make_memory
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import check_close, check_same_state, feed
from torch import nn

from titans_mini import ConfigError, DivergenceError, NeuralMemory
from titans_mini.memory.tree import map_tree, tensors

every_memory = pytest.mark.parametrize("kind", MEMORIES)


def memory_dtypes(state) -> set[torch.dtype]:
    return {part.dtype for part in tensors((state.weights, state.momentum, state.gate, state.pending[:3]))}


# ---- dtypes and devices ----


@every_memory
def test_bfloat16_inputs_leave_the_memory_float32(kind):
    memory, x = make_memory(**MEMORIES[kind]).float(), make_input(9).bfloat16()
    out, state = memory(x)
    assert out.dtype == torch.bfloat16 and memory_dtypes(state) == {torch.float32}
    check_close(out, memory(x.float())[0].bfloat16())


@every_memory
def test_a_bfloat16_module_keeps_a_float32_memory(kind):
    memory, x = make_memory(**MEMORIES[kind]), make_input(9)
    wanted = memory(x)[0]
    memory.to(torch.bfloat16)
    out, state = memory(x.bfloat16())
    assert out.dtype == torch.bfloat16 and memory_dtypes(state) == {torch.float32}
    assert float((out - wanted).detach().abs().max()) < 0.1 * float(wanted.detach().abs().max())
    out.sum().backward()
    out, state = memory(x.bfloat16(), state)
    assert memory_dtypes(state) == {torch.float32} and bool(out.isfinite().all())


@every_memory
def test_autocast_leaves_the_memory_float32(kind):
    memory, x = make_memory(**MEMORIES[kind]).float(), make_input(9).float()
    wanted = memory(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        out, state = memory(x)
        recalled = memory.recall(x, state)
    assert memory_dtypes(state) == {torch.float32}
    assert float((out - wanted).detach().abs().max()) < 0.1 * float(wanted.detach().abs().max())
    assert bool(recalled.isfinite().all())
    out.float().sum().backward()


def test_under_autocast_parts_still_give_the_same():
    memory, x = make_memory().float(), make_input(9).float()
    with torch.autocast("cpu", torch.bfloat16):
        out, state = memory(x)
        found, found_state = feed(memory, x.split([2, 5, 2], dim=1))
    torch.testing.assert_close(found, out, rtol=0, atol=2e-2)
    assert found_state.tokens_seen.tolist() == state.tokens_seen.tolist()


@every_memory
def test_float64_is_float64_throughout(kind):
    memory = make_memory(**MEMORIES[kind])
    out, state = memory(make_input(9))
    assert out.dtype == torch.float64 and memory_dtypes(state) == {torch.float64}
    single = make_memory(**MEMORIES[kind]).float()(make_input(9).float())[0]
    check_close(single.double(), out, 1e-4)


def test_another_float_dtype_of_input_decides_the_output_alone():
    memory, x = make_memory().float(), make_input(9)
    for dtype in (torch.float64, torch.float16):
        out, state = memory(x.to(dtype))
        assert out.dtype == dtype and memory_dtypes(state) == {torch.float32}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", ["learned", "recipe", "excess"])
def test_a_cuda_device_gives_the_numbers_of_the_cpu(kind):
    memory, x = make_memory(**MEMORIES[kind]), make_input(9)
    wanted, wanted_state = memory(x)
    out, state = memory.to("cuda")(x.cuda())
    check_close(out.cpu(), wanted)
    check_same_state(memory, map_tree(torch.Tensor.cpu, state), wanted_state)


# ---- loud inputs ----


@pytest.mark.parametrize("gate", ["learned", "excess", "zsigmoid", "running_max", "fixed", "constant"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_inputs_times_100_stay_finite_where_steps_are_clipped(depth, gate):
    memory = make_memory(depth=depth, gate=gate).float()
    state = None
    for seed in range(4):
        out, state = memory(100 * make_input(64, batch=2, seed=seed).float(), state)
        for tensor in (out, *tensors((state.weights, state.momentum, state.gate))):
            assert bool(tensor.isfinite().all())


def exploding(chunk: int, depth: int) -> NeuralMemory:
    memory = make_memory(gate="constant", chunk=chunk, depth=depth, clip=None, scale="rms").float()
    memory.gate.theta.fill_(9.0)
    return memory


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_without_clipping_large_steps_end_in_an_error_that_names_the_token(depth, chunk):
    memory, x = exploding(chunk, depth), make_input(200, batch=2).float()
    with pytest.raises(DivergenceError, match="memory diverged at token") as caught:
        memory(x)
    token = caught.value.token
    assert f"token {token} " in str(caught.value) and "\n" not in str(caught.value)
    assert bool(memory(x[:, :token])[0].isfinite().all())
    with pytest.raises(DivergenceError):
        memory(x[:, : token + 1])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("token", [0, 5, 6, 8])
def test_an_input_that_is_not_finite_is_named_by_its_own_token(token, bad):
    memory, x = make_memory(), make_input(9)
    x[1, token, 2] = bad
    with pytest.raises(DivergenceError, match=f"input is not finite at token {token} of row 1") as caught:
        memory(x)
    assert caught.value.token == token


@pytest.mark.parametrize("seen", [0, 3, 4])
def test_what_is_not_finite_is_not_recalled(seen):
    memory, x = make_memory(), make_input(5)
    state = memory(make_input(seen, seed=2))[1] if seen else memory.initial_state(3)
    x[1, 2] = float("nan")
    with pytest.raises(DivergenceError, match="token 2 of row 1"):
        memory.recall(x, state)


# ---- inputs that cannot be used ----

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool, torch.complex64]


@st.composite
def calls(draw):
    """Arguments of a call: mostly of the right kind, each of them wrong in some way now and then."""
    near = st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from([8, 8, 8, 0, 7]))
    shape = draw(st.one_of(near, st.lists(st.integers(0, 8), max_size=4)))
    x = torch.randn(tuple(shape)).to(draw(st.sampled_from([*DTYPES[:3] * 2, *DTYPES])))
    if x.is_floating_point() and draw(st.booleans()):
        x = x.masked_fill(
            torch.rand(x.shape) < 0.1,
            draw(st.sampled_from([float("nan"), float("inf"), min(3e38, torch.finfo(x.dtype).max)])),
        )
    return x, draw(st.sampled_from([None, 1, 2, 3]))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(calls(), st.sampled_from([(1, "excess"), (4, "learned"), (4, "zsigmoid")]))
def test_any_call_works_or_ends_in_one_clear_line(call, kind):
    x, rows = call
    chunk, gate = kind
    memory = make_memory(chunk=chunk, gate=gate).float()
    state = None if rows is None else memory(torch.randn(rows, 5, 8))[1]
    try:
        out, after = memory(x, state)
    except (ConfigError, DivergenceError) as error:
        assert "\n" not in str(error) and len(str(error)) < 200
        return
    assert out.shape == x.shape and out.dtype == x.dtype and bool(out.isfinite().all())
    assert after.tokens_seen.tolist() == [x.shape[1] + (0 if rows is None else 5)] * len(x)
    assert bool(x.isfinite().all())


WRONG = {
    "x must be a float tensor": lambda memory, x: memory(x[0]),
    "not list": lambda memory, x: memory(x.tolist()),
    "x must be on cpu, where the module is, not on meta": lambda memory, x: memory(x.to("meta")),
    "device must be one that holds numbers, not meta": lambda memory, x: memory.to("meta")(x.to("meta")),
    "not torch.int64": lambda memory, x: memory(x.long()),
    r"\(batch, tokens, 8\), not .* \(3, 5, 7\)": lambda memory, x: memory(x[..., :7]),
    "at least 1 row and 1 token": lambda memory, x: memory(x[:, :0]),
    r"another batch: state.tokens_seen must be \(3\), not \(2,\)": lambda memory, x: memory(x, memory.initial_state(2)),
    r"another batch: state.tokens_seen must be \(3\), not \(1,\)": lambda memory, x: memory.recall(
        x, memory.initial_state(1)
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_call_is_told_what_is_wrong(message):
    with pytest.raises(ConfigError, match=message):
        WRONG[message](make_memory(), make_input(5))


def test_a_gate_of_ones_own_decides():
    """Any module with `features`, `project` and the call of a gate will do."""

    class Closed(nn.Module):
        features = 0

        def project(self, x):
            return x.new_zeros(*x.shape[:-1], 0)

        def forward(self, raw, features, state):
            zero = torch.zeros_like(raw)
            return make_memory(gate="constant").gate(raw, features, state)[0]._replace(theta=zero, alpha=zero), state

    memory = NeuralMemory(make_memory().config, gate=Closed()).double()
    _, state = memory(make_input(8))
    check_close(state.weights, memory.initial_state(3).weights)
