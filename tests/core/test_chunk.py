"""The chunk form is the token loop, in closed forms and in general: numbers, state, record and gradients."""

import properties
import pytest
import torch
from builders import PAIRINGS, ROWS, WIDTH, GivenGate, Stream, fresh, make_stream, plain_step
from properties import around, check_close, run

from titans_mini import SurpriseGate
from titans_mini.config import ACTIVATION_NAMES, DECAY_NAMES
from titans_mini.memory.chunk import TitansRule, Tokens, run_chunks
from titans_mini.memory.fast.block import block_rule, train_block
from titans_mini.memory.mlp import ACTIVATIONS, apply_memory, gradient_norm, gradients, weight_norm
from titans_mini.memory.tree import join, tensors
from titans_mini.reference import RecipeGate, token_loop

every_form = pytest.mark.parametrize("step", properties.STEPS.values(), ids=properties.STEPS)
DEPTHS = (1, 2, 3, 4)
MLPS = [(1, "silu"), *((depth, activation) for depth in DEPTHS[1:] for activation in ACTIVATION_NAMES)]


def given(stream: Stream, **values: float) -> Stream:
    """The stream with some of theta, eta, alpha held at a value."""
    features = stream.tokens.features.detach().clone()
    for name, value in values.items():
        features[..., ("theta", "eta", "alpha").index(name)] = value
    return stream._replace(tokens=stream.tokens._replace(features=features.requires_grad_()))


@pytest.mark.parametrize("decay", DECAY_NAMES)
@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize(("depth", "activation"), MLPS)
@every_form
def test_oracle_for_every_memory(step, depth, activation, clip, chunk, decay):
    sizes = dict(length=2 * chunk + 1, chunk=chunk, depth=depth)
    properties.check_oracle(step, **sizes, activation=activation, clip=clip, decay=decay)


@pytest.mark.parametrize("decay", DECAY_NAMES)
@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("gate", PAIRINGS)
@every_form
def test_oracle_for_every_gate_at_every_length(step, gate, chunk, decay):
    for length in around(chunk):
        properties.check_oracle(step, PAIRINGS[gate], length=length, chunk=chunk, decay=decay)


@pytest.mark.parametrize("chunk", [1, 5])
def test_the_recipe_at_its_defaults_equals_its_reference(chunk):
    stream = make_stream(40)
    gate = SurpriseGate().double()
    settings = {name: float(value) for name, value in gate.named_buffers()}  # what binary floats make of them
    found = run(plain_step, stream, TitansRule(gate), chunk)
    for row in range(ROWS):
        keys, values, queries = (part[row] for part in stream.tokens[:3])
        weights = [weight[row] for weight in stream.weights]
        silu = torch.nn.functional.silu
        loop = token_loop(weights, keys, values, queries, RecipeGate(**settings), silu, chunk=chunk)
        check_close([found.reads[row], found.raw[row], found.loss[row], found.memory_norm[row]], [*loop[:1], *loop[3:]])
        check_close([weight[row] for weight in found.weights], loop.weights)


@pytest.mark.parametrize("gate", PAIRINGS)
def test_reads_see_no_later_token(gate):
    properties.check_step_is_causal(plain_step, PAIRINGS[gate])


@pytest.mark.parametrize("gate", PAIRINGS)
@pytest.mark.parametrize(("depth", "activation"), MLPS)
def test_a_write_lowers_the_loss_of_its_pair(depth, activation, gate):
    properties.check_write_lowers_loss(plain_step, PAIRINGS[gate], depth=depth, activation=activation)


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize(("depth", "activation"), MLPS)
def test_silence_only_decays(depth, activation, chunk):
    properties.check_silence(plain_step, chunk=chunk, depth=depth, activation=activation)


@pytest.mark.parametrize("chunk", [1, 4])
def test_silence_decays_the_recipe_by_lambda_a_token(chunk):
    stream = make_stream(9)
    silence = torch.zeros_like(stream.tokens.keys)
    gate = PAIRINGS["recipe"].gate
    fast, left = fresh(stream.weights), 1.0
    for piece in Tokens(silence, silence).split(chunk):
        _, fast, record = plain_step(fast, piece, TitansRule(gate))
        left = left * (1 - gate.lam * (1 - record.gates.g_write)).prod(-1)
    check_close(fast.weights, tuple(weight * left.view(-1, 1, 1) for weight in stream.weights), 1e-14)


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("depth", DEPTHS)
def test_no_step_and_no_forgetting_leave_the_memory(depth, chunk):
    stream = given(make_stream(9, depth=depth), theta=0, alpha=0)
    found = run(plain_step, stream, TitansRule(GivenGate(), clip=1.0), chunk)
    assert all(torch.equal(after, before) for after, before in zip(found.weights, stream.weights, strict=True))
    check_close(found.memory_norm, weight_norm(stream.weights).unsqueeze(-1).expand(-1, 9))
    check_close(found.reads, apply_memory(stream.weights, stream.tokens.queries, ACTIVATIONS["silu"]))


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("depth", DEPTHS)
def test_full_forgetting_goes_back_to_the_start(depth, chunk):
    """With decay "start": M_t = (1 - alpha) M_{t-1} + alpha W_0 is W_0 at alpha 1, and halfway to it at alpha 0.5."""
    start, stream = make_stream(1, depth=depth, seed=2).weights, make_stream(9, depth=depth)
    for alpha, left in ((1, 0.0), (0.5, 0.5**9)):
        found = run(plain_step, given(stream, theta=0, alpha=alpha), TitansRule(GivenGate(), origin=start), chunk)
        wanted = [left * ours + (1 - left) * origin for ours, origin in zip(stream.weights, start, strict=True)]
        check_close(found.weights, tuple(wanted), 1e-14)
        check_close(found.memory_norm[:, -1], weight_norm(tuple(wanted)))


@pytest.mark.parametrize("decay", DECAY_NAMES)
def test_the_oracle_leaves_its_callers_tensors_as_they_are(decay):
    stream = make_stream(9)
    weights, (keys, values, queries, _) = (
        [part[0].detach() for part in parts] for parts in (stream.weights, stream.tokens[:4])
    )
    before = [weight.clone() for weight in weights]
    origin = weights if decay == "start" else None
    token_loop(weights, keys, values, queries, RecipeGate(), torch.nn.functional.silu, origin=origin)
    assert all(map(torch.equal, weights, before))
    assert not any(part.requires_grad for part in (*weights, keys, values, queries))


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("depth", DEPTHS)
def test_full_forgetting_clears_the_memory(depth, chunk):
    stream = given(make_stream(9, depth=depth), theta=0, alpha=1)
    found = run(plain_step, stream, TitansRule(GivenGate()), chunk)
    for tensor in (*found.weights, found.memory_norm, found.reads):
        assert torch.equal(tensor, torch.zeros_like(tensor))


def test_a_linear_memory_without_momentum_is_the_delta_rule():
    stream = given(make_stream(9, depth=1), eta=0)
    found = run(plain_step, stream, TitansRule(GivenGate()), 1)
    memory = stream.weights[0]
    for t in range(9):
        key, value, query = (part[:, t, :, None] for part in stream.tokens[:3])
        theta, _, alpha = stream.tokens.features[:, t, :, None, None].unbind(1)
        memory = (1 - alpha) * memory - 2 * theta * (memory @ key - value) @ key.mT
        check_close(found.reads[:, t, :, None], memory @ query)
    check_close(found.weights[0], memory)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("name", ["theta", "eta", "alpha"])
@pytest.mark.parametrize("value", [0.0, 1.0])
@every_form
def test_gates_at_their_ends_have_the_gradients_of_the_loop(step, depth, name, value):
    """Products over a chunk hold factors of exactly 0 and 1 there."""
    stream = given(make_stream(9, depth=depth), **{name: value})
    outcomes, clip = [], 0.5
    found = run(step, stream, TitansRule(GivenGate(), clip=clip), 4)
    for row in range(ROWS):
        parts = (part[row] for part in stream.tokens[:3])
        features, weights = stream.tokens.features[row], [weight[row] for weight in stream.weights]
        plain = PAIRINGS["given"].plain(features)
        outcomes.append(token_loop(weights, *parts, plain, torch.nn.functional.silu, chunk=4, clip=clip))
    check_close(found.reads, torch.stack([loop.reads for loop in outcomes]))
    gradients_found = torch.autograd.grad(found.reads.square().sum() + found.memory_norm.sum(), stream.leaves())
    total = sum(loop.reads.square().sum() + loop.memory_norm.sum() for loop in outcomes)
    check_close(gradients_found, torch.autograd.grad(total, stream.leaves()))


@every_form
def test_everything_at_once_at_its_end_stays_finite(step):
    for theta in (0.0, 1.0):
        for eta in (0.0, 1.0):
            for alpha in (0.0, 1.0):
                stream = given(make_stream(9), theta=theta, eta=eta, alpha=alpha)
                found = run(step, stream, TitansRule(GivenGate(), clip=1.0), 4)
                leaves = torch.autograd.grad(found.reads.square().sum(), stream.leaves())
                for tensor in (*found.weights, *found.momentum, found.reads, found.memory_norm, *leaves):
                    assert bool(tensor.isfinite().all()), (theta, eta, alpha)


@pytest.mark.parametrize(("depth", "activation"), MLPS)
def test_the_hand_written_gradient_is_that_of_autograd(depth, activation):
    stream = make_stream(1, depth=depth)
    keys, values = stream.tokens.keys, stream.tokens.values
    loss = (apply_memory(stream.weights, keys, ACTIVATIONS[activation]) - values).square().sum()
    wanted = torch.autograd.grad(loss, stream.weights)
    activity = gradients(stream.weights, keys, values, ACTIVATIONS[activation])
    found = [torch.bmm(delta.mT, a) for delta, a in zip(activity.deltas, activity.inputs, strict=True)]
    check_close(found, list(wanted))
    check_close(gradient_norm(activity)[:, 0], weight_norm(wanted))


def test_clipping_bounds_the_step_and_leaves_surprise_alone():
    stream = given(make_stream(1), theta=1, alpha=0)
    loud = stream._replace(tokens=stream.tokens._replace(values=stream.tokens.values * 100))
    free, clipped = (
        plain_step(fresh(loud.weights), loud.tokens, TitansRule(GivenGate(), clip=clip)) for clip in (None, 0.5)
    )
    moves = [
        weight_norm(tuple(after - before for after, before in zip(fast.weights, loud.weights, strict=True)))
        for _, fast, _ in (free, clipped)
    ]
    check_close(moves[0], free[2].raw[:, 0] * WIDTH**0.5)
    check_close(moves[1], torch.full((ROWS,), 0.5).double())
    assert torch.equal(free[2].raw, clipped[2].raw)


@pytest.mark.parametrize("length", [1, 4])
def test_fewer_queries_and_an_unfinished_chunk_change_nothing_else(length):
    stream = make_stream(length)
    rule, start = TitansRule(GivenGate(), clip=1.0, record_norm=True), fresh(stream.weights)
    reads, _, record = plain_step(start, stream.tokens, rule)
    last = stream.tokens._replace(queries=stream.tokens.queries[:, -1:])
    asked, kept, again = plain_step(start, last, rule, ends=False)
    check_close((asked, *again), (reads[:, -1:], *record))
    assert kept is start


@pytest.mark.parametrize("decay", DECAY_NAMES)
@pytest.mark.parametrize("clip", [None, 0.05, 1.0])
@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize(("depth", "activation"), MLPS)
def test_many_chunks_at_once_have_numbers_and_gradients_of_one_after_another(depth, activation, chunk, clip, decay):
    """Records and end state included, from a momentum that is not zero, and with pending tokens that ask nothing."""
    stream = make_stream(5 * chunk, depth=depth)  # so many that they are worked on in two groups
    origin = make_stream(1, depth=depth, seed=2).weights if decay == "start" else None
    momentum = make_stream(1, depth=depth, seed=3).weights
    rule = TitansRule(GivenGate(), ACTIVATIONS[activation], clip, origin=origin)
    tokens = stream.tokens._replace(queries=stream.tokens.queries[:, chunk - 1 :])
    fast = fresh(stream.weights)._replace(momentum=momentum)
    first, *others = stream.tokens.split(chunk)
    reads, middle, begun = rule.step(fast, first._replace(queries=first.queries[:, chunk - 1 :]))
    later, after, rest = run_chunks(middle, Tokens(*map(lambda *parts: torch.cat(parts, 1), *others)), rule, chunk)
    wanted = torch.cat([reads, later], dim=1), after, join([begun, rest])
    found = train_block(fast, tokens, rule=block_rule(rule), chunk=chunk)
    leaves = [*stream.leaves(), *momentum, *(origin or ())]
    check_close(tensors(found), tensors(wanted))
    check_close(properties._gradients(found, leaves), properties._gradients(wanted, leaves))
