"""Fast weights in 8 and 4 bits: rounding, packing, sizes counted by hand, and a trained model that still recalls."""

import pytest
import torch
from builders import make_input, make_memory
from hypothesis import given, settings
from hypothesis import strategies as st

from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.memory.tree import tensors
from titans_mini.quantize import (
    LIMITS,
    QuantizedMemory,
    compress,
    dequantize,
    memory_bytes,
    pack_pairs,
    quantize,
    quantized_model,
    restore,
    step,
    unpack_pairs,
)
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate


def make_weight(*shape, seed=0):
    """Rows whose sizes span eight orders of magnitude."""
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(*shape, generator=random, dtype=torch.float64)
    return weight * 10 ** torch.linspace(-4, 4, shape[-2], dtype=torch.float64).unsqueeze(-1)


def make_lm(variant="lmm"):
    torch.manual_seed(0)
    config = TitansConfig(variant=variant, vocab_size=11, dim=8, layers=2, heads=2, window=4, chunk=4)
    return TitansLM(config).eval().requires_grad_(False)


def make_ids(length, rows=2, seed=0):
    return torch.randint(0, 11, (rows, length), generator=torch.Generator().manual_seed(seed))


def worst_in_steps(weight, rounded, kind):
    """Largest error of a row in units of that row's step: its largest entry over the number of codes on one side."""
    return ((rounded - weight).abs().amax(-1) / (weight.abs().amax(-1) / LIMITS[kind])).max().item()


@pytest.mark.parametrize("kind", LIMITS)
def test_rounding_is_off_by_at_most_half_a_step_of_its_own_row(kind):
    weight = make_weight(3, 9, 64)
    rounded = dequantize(quantize(weight, kind), torch.float64)
    assert 0.4 < worst_in_steps(weight, rounded, kind) < 0.5 + 1e-5
    floor = (weight / quantize(weight, kind).scale).floor() * quantize(weight, kind).scale
    assert worst_in_steps(weight, floor, kind) > 0.6  # truncation
    one_scale = weight.abs().max() / LIMITS[kind]
    assert worst_in_steps(weight, (weight / one_scale).round() * one_scale, kind) > 0.6  # one scale for all rows


@pytest.mark.parametrize("kind", LIMITS)
def test_rounding_is_that_of_torch(kind):
    weight, limit = make_weight(9, 64).float(), LIMITS[kind]
    scale = (weight.abs().amax(-1) / limit).contiguous()
    wanted = torch.fake_quantize_per_channel_affine(weight, scale, torch.zeros(9, dtype=torch.int32), 0, -limit, limit)
    assert torch.allclose(dequantize(quantize(weight, kind)), wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", LIMITS)
def test_rows_are_independent_and_extremes_stay(kind):
    weight = make_weight(2, 5, 7)
    weight[0, 1] = 0
    before = dequantize(quantize(weight, kind), torch.float64)
    assert torch.equal(before[0, 1], torch.zeros(7, dtype=torch.float64))
    largest = weight.abs().amax(-1)
    assert torch.allclose(before.abs().amax(-1), largest, rtol=1e-6)
    changed = weight.clone()
    changed[1, 2] *= 1000
    after = dequantize(quantize(changed, kind), torch.float64)
    same = torch.ones(2, 5, dtype=torch.bool)
    same[1, 2] = False
    assert torch.equal(after[same], before[same]) and not torch.equal(after[1, 2], before[1, 2])


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_lost_row_stays_lost_so_that_divergence_is_seen(kind, bad):
    weight = make_weight(3, 4)
    weight[1, 2] = bad
    rounded = dequantize(quantize(weight, kind), torch.float64)
    assert not rounded[1].isfinite().any() and rounded[[0, 2]].isfinite().all()


@pytest.mark.parametrize("kind", LIMITS)
def test_rounding_twice_gives_the_same_codes(kind):
    once = quantize(make_weight(3, 9, 33), kind)
    assert torch.equal(quantize(dequantize(once), kind).codes, once.codes)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-8, 7), min_size=1, max_size=9))
def test_packing_four_bits_loses_nothing(codes):
    codes = torch.tensor([codes, codes[::-1]], dtype=torch.int8)
    packed = pack_pairs(codes)
    assert packed.dtype == torch.uint8 and packed.shape[-1] == (codes.shape[-1] + 1) // 2
    assert torch.equal(unpack_pairs(packed, codes.shape[-1]), codes)


def test_a_packed_byte_holds_the_even_column_in_its_low_bits():
    assert pack_pairs(torch.tensor([-8, 7, 0], dtype=torch.int8)).tolist() == [0xF0, 0x88]


@pytest.mark.parametrize(("kind", "weights"), [("int8", 64 * 32 * 2 + 4 * (64 + 32)), ("int4", 64 * 32 + 4 * 96)])
def test_sizes_are_those_counted_by_hand(kind, weights):
    memory = make_memory(dim=32, heads=2, expansion=4).float()  # per head 16 -> 64 -> 16
    state = memory(make_input(5, dim=32).float())[1]
    rows = len(state.weights[0])
    numbers = rows * (64 * 16 + 16 * 64)
    assert memory_bytes(state) == {"weights": 4 * numbers, "momentum": 4 * numbers}
    scales = 4 * rows * (64 + 16)
    size = {"int8": numbers, "int4": numbers // 2}[kind] + scales
    assert memory_bytes(compress(state, kind)) == {"weights": size, "momentum": 4 * numbers}
    assert memory_bytes(compress(state, kind, momentum=True)) == {"weights": size, "momentum": size}


@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
def test_all_else_of_a_state_is_untouched(variant):
    state = make_lm(variant)(make_ids(7))[1]
    back = restore(compress(state))
    assert torch.equal(back.tokens_seen, state.tokens_seen)
    for old, new in zip(state.layers, back.layers, strict=True):
        for part in ("momentum", "gate", "pending", "conv", "tokens_seen"):
            pairs = zip(tensors(getattr(old.memory, part)), tensors(getattr(new.memory, part)), strict=True)
            assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs), part
        windows = zip(tensors(old.window), tensors(new.window), strict=True)
        assert all(torch.equal(a, b) for a, b in windows)
        assert not torch.equal(old.memory.weights[0], new.memory.weights[0])
        assert torch.allclose(old.memory.weights[0], new.memory.weights[0], atol=0.05)


@pytest.mark.parametrize("kind", LIMITS)
def test_rounding_at_chunks_is_rounding_by_hand(kind):
    """One chunk at a time through the plain memory, rounded in between, reads what QuantizedMemory reads."""
    memory = make_memory()
    chunk, x = memory.config.chunk, make_input(3 * memory.config.chunk + 2)
    out, after = QuantizedMemory(memory, kind)(x)
    state, reads = memory.initial_state(len(x)), []
    for piece in x.split(chunk, dim=1):
        weights = tuple(dequantize(quantize(weight, kind), weight.dtype) for weight in state.weights)
        read, state = memory(piece, state._replace(weights=weights))
        reads.append(read)
    assert torch.allclose(out, torch.cat(reads, dim=1), atol=1e-9)
    assert not torch.allclose(out, memory(x)[0], atol=1e-9)
    assert torch.allclose(after.weights[0], weights[0], atol=1e-9)


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("momentum", [False, True])
def test_any_split_of_a_sequence_reads_the_same(kind, momentum):
    memory = QuantizedMemory(make_memory(), kind, momentum=momentum)
    x = make_input(2 * memory.config.chunk + 3)
    whole, state = memory(x)
    for cut in range(1, x.shape[1]):
        first, middle = memory(x[:, :cut])
        second, end = memory(x[:, cut:], middle)
        assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-9)
        assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(tensors(end), tensors(state), strict=True))


@pytest.mark.parametrize("variant", ["lmm", "mac", "mag", "mal"])
@pytest.mark.parametrize("kind", LIMITS)
def test_steps_from_a_state_at_rest_equal_one_reading(variant, kind):
    """The codes alone carry the memory from token to token: as good as the floats of QuantizedMemory."""
    lm, ids = make_lm(variant).double(), make_ids(14)  # float64, so that no code lies on the edge between two
    reader = quantized_model(lm, kind)
    wanted, end = reader(ids)
    kept, found = compress(reader.initial_state(len(ids)), kind), []
    for token in ids.split(1, dim=1):
        logits, kept = step(lm, token, kept, kind)
        found.append(logits)
    assert torch.allclose(torch.cat(found, dim=1), wanted, atol=1e-6)
    assert torch.equal(kept.tokens_seen, end.tokens_seen)
    for now, then in zip(kept.layers, compress(end, kind).layers, strict=True):
        assert all(torch.equal(a.codes, b.codes) for a, b in zip(now.memory.weights, then.memory.weights, strict=True))
        assert torch.allclose(now.memory.pending.keys, then.memory.pending.keys, atol=1e-6)


def test_a_frozen_memory_is_quantised_once():
    lm, ids = make_lm(), make_ids(9)
    kept = compress(lm(ids)[1], "int4")
    start = [weight.codes for layer in kept.layers for weight in layer.memory.weights]
    for token in make_ids(9, seed=1).split(1, dim=1):
        _, kept = step(lm, token, kept, "int4", memory="frozen")
    end = [weight.codes for layer in kept.layers for weight in layer.memory.weights]
    assert all(a is b for a, b in zip(start, end, strict=True))
    assert kept.layers[0].memory.tokens_seen.tolist() == [22, 22]  # 4 persistent tokens, 9 and 9


def test_the_model_given_stays_as_it_is():
    lm, ids = make_lm(), make_ids(9)
    before = lm(ids)[0]
    quantized_model(lm, "int4")(ids)
    assert torch.equal(lm(ids)[0], before)


def test_a_trained_model_recalls_in_eight_bits_and_less_well_in_four(monkeypatch):
    lm = load_model("recall-mal")
    full, eight, four = (
        evaluate(reader, "recall", 16, rows=16)
        for reader in (lm, quantized_model(lm, "int8"), quantized_model(lm, "int4"))
    )
    assert full["accuracy"] > 0.95
    assert abs(full["accuracy"] - eight["accuracy"]) <= 0.02
    assert full["accuracy"] - four["accuracy"] <= 0.1
    assert abs(eight["bits"] - full["bits"]) < four["bits"] - full["bits"]
    monkeypatch.setitem(LIMITS, "int8", 1)  # codes -1, 0 and 1: too coarse, so that rounding does take part
    assert evaluate(quantized_model(lm, "int8"), "recall", 16, rows=16)["accuracy"] < full["accuracy"] - 0.1


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: quantize(torch.ones(1, 2), "int2"), "kind"),
        (lambda: compress(make_lm().initial_state(1), "fp8"), "kind"),
        (lambda: quantized_model(make_lm(), "int3"), "kind"),
        (lambda: compress((1, 2)), "state"),
    ],
)
def test_bad_input_names_the_setting(call, name):
    with pytest.raises(ConfigError, match=name):
        call()
