"""The parts of the MIRAS design space against what they stand for: autograd, library optimisers, closed forms."""

import pytest
import torch
from builders import GivenGate
from miras_properties import WIDTH, make_tokens, miras_step, play
from mutants import miras as mutants
from properties import check_close
from torch.nn import functional

from titans_course.studies.streams import make_pairs
from titans_mini import MemoryConfig
from titans_mini.memory.chunk import Tokens
from titans_mini.miras import PRESETS, MirasConfig, run
from titans_mini.miras.bias import BIASES
from titans_mini.miras.retention import RETENTIONS
from titans_mini.miras.steps import orthogonalise

EXACT = MemoryConfig(dim=WIDTH, depth=1, chunk=1, clip=None, expansion=2)


def bias_of(name, number=None):
    choice = BIASES[name].number
    return BIASES[name].build(choice.default if number is None and choice else number)


def sizes():
    """Predictions and values whose distances go from 0.05 to 50, so that every branch is met; features."""
    random = torch.Generator().manual_seed(0)
    value = torch.randn(3, 40, 5, generator=random, dtype=torch.float64)
    r = torch.randn(3, 40, 5, generator=random, dtype=torch.float64)
    r = r.sign() * r.abs().clamp_min(0.05) * torch.logspace(0, 1.5, 40).double().view(-1, 1)
    return (value + r).requires_grad_(), value, torch.randn(3, 40, 4, generator=random, dtype=torch.float64)


@pytest.mark.parametrize("name", BIASES)
def test_the_hand_written_slope_is_that_of_autograd(name):
    choice = BIASES[name].number
    for number in {None} if choice is None else {choice.default, 2.5, 1.0}:
        prediction, value, features = sizes()
        loss, slope = bias_of(name, number)(prediction, value, features)
        (wanted,) = torch.autograd.grad(loss.sum(), prediction)
        check_close(slope, wanted, 1e-4 if name == "lp" else 1e-10)  # the smooth sign of lp is not r / |r|


def test_biases_are_the_losses_of_the_library():
    prediction, value, _ = sizes()
    huber = 2 * functional.huber_loss(prediction, value, reduction="none", delta=1.5).sum(-1)
    check_close(bias_of("huber", 1.5)(prediction, value)[0], huber)
    said, meant = (functional.log_softmax(part, -1) for part in (prediction, value))
    kl = functional.kl_div(said, meant, reduction="none", log_target=True).sum(-1)
    check_close(bias_of("probability")(prediction, value)[0], kl)
    l1, l2 = (function(prediction, value, reduction="none") for function in (functional.l1_loss, functional.mse_loss))
    check_close(bias_of("lp", 1.0)(prediction, value)[0], l1.sum(-1), 1e-4)
    check_close(bias_of("l2")(prediction, value)[0], l2.sum(-1))


def test_the_shift_is_the_worst_case_over_all_shifts_of_the_value():
    prediction, value, _ = sizes()
    loss = bias_of("shift", 0.7)(prediction, value)[0].detach()
    random = torch.Generator().manual_seed(1)
    shifts = 0.7 * functional.normalize(torch.randn(500, *value.shape, generator=random).double(), dim=-1)
    tried = (prediction.detach() - value - shifts).square().sum(-1)
    assert bool((tried <= loss + 1e-4).all())
    worst = -0.7 * functional.normalize(prediction.detach() - value, dim=-1)
    check_close((prediction.detach() - value - worst).square().sum(-1), loss, 1e-4)


def test_robust_biases_bound_the_pull_of_an_outlier():
    prediction, value, _ = sizes()
    far = (prediction - value).norm(dim=-1) > 3
    slopes = {name: bias_of(name, 1.5)(prediction, value)[1] for name in ("huber", "huber_norm", "switch", "l2")}
    assert bool((slopes["huber"].abs() <= 3).all())
    assert bool((slopes["huber_norm"].norm(dim=-1) <= 3 + 1e-9).all())
    check_close(slopes["switch"][far].abs(), torch.full((int(far.sum()), 5), 1.5).double(), 1e-3)
    assert bool((slopes["l2"][far].norm(dim=-1) > 3).all())


def test_the_threshold_of_yaad_is_learned_from_the_token():
    prediction, value, features = sizes()
    features.requires_grad_()
    loss, slope = BIASES["yaad"].build(1.0)(prediction, value, features)
    delta = functional.softplus(features[1, 39, 3]).item()  # a far token
    wanted = bias_of("switch", delta)(prediction[1, 39], value[1, 39])
    check_close([loss[1, 39], slope[1, 39]], list(wanted))
    assert bool((torch.autograd.grad(slope.sum(), features)[0][..., 3] != 0).any())


# ---- algorithms ----

STEP, NUMBER = 1 / 16, {"momentum": 0.5}  # exact in the gate's float32
OPTIMISERS = {
    "gd": (lambda p: torch.optim.SGD(p, lr=STEP), 1),
    "momentum": (lambda p: torch.optim.SGD(p, lr=STEP, momentum=0.5), 1),
    "adam": (lambda p: torch.optim.Adam(p, lr=STEP, betas=(0.9, 0.99), eps=1e-12), 1),
    "rmsprop": (lambda p: torch.optim.RMSprop(p, lr=STEP, alpha=0.9, eps=1e-12), 1),
    "multistep": (lambda p: torch.optim.SGD(p, lr=STEP), 3),
}
WRONG_ALGORITHMS = {mutants.one_gradient_many_times: "multistep", mutants.momentum_forgotten: "adam"}


def optimised(make, starts, tokens, steps):
    """A matrix for each row after all tokens, by an optimiser of the library on the squared loss."""
    found = []
    for start, keys, values in zip(starts, tokens.keys, tokens.values, strict=True):
        weight = start.clone().requires_grad_()
        optimiser = make([weight])
        for key, value in zip(keys, values, strict=True):
            for _ in range(steps):
                optimiser.zero_grad()
                (weight @ key - value).square().sum().backward()
                optimiser.step()
        found.append(weight.detach())
    return torch.stack(found)


def check_optimiser(name, step):
    tokens = make_tokens(7)
    config = MirasConfig("matrix", "l2", "none", name, "constant", theta=STEP, algorithm_number=NUMBER.get(name))
    (start,), _, fast = play(config, EXACT, tokens, step=step)
    make, steps = OPTIMISERS[name]
    check_close(fast.weights[0], optimised(make, start, tokens, steps), 1e-8)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_algorithms_are_those_of_the_library(name):
    check_optimiser(name, miras_step)


@pytest.mark.parametrize("mutant", WRONG_ALGORITHMS)
def test_a_wrong_algorithm_is_caught(mutant):
    with pytest.raises(AssertionError):
        check_optimiser(WRONG_ALGORITHMS[mutant], mutant)


def check_implicit(step):
    """Each step ends where loss + ||M - (1 - alpha) M'||^2 / (2 theta) is flat, however large theta is."""
    for theta in (0.125, 8.0):
        tokens = make_tokens(1)
        config = MirasConfig("matrix", "l2", "adaptive", "implicit", "constant", theta=theta, alpha=0.25)
        (start,), _, fast = play(config, EXACT, tokens, step=step)
        memory = fast.weights[0].clone().requires_grad_()
        loss = (torch.bmm(tokens.keys, memory.mT) - tokens.values).square().sum()
        total = loss + (memory - 0.75 * start).square().sum() / (2 * theta)
        check_close(torch.autograd.grad(total, memory)[0], torch.zeros_like(memory))


def test_the_implicit_step_solves_its_problem():
    check_implicit(miras_step)
    with pytest.raises(AssertionError):
        check_implicit(mutants.explicit_implicit)


def test_newton_schulz_keeps_singular_vectors_and_evens_out_their_sizes():
    matrix = torch.randn(20, 6, 4, generator=torch.Generator().manual_seed(0)).double()
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    even = u.mT @ orthogonalise(matrix) @ vh.mT
    found = even.diagonal(dim1=-2, dim2=-1)
    assert bool((s.amax(-1) / s.amin(-1)).max() > 3) and bool(((found > 0.6) & (found < 1.3)).all())
    check_close(even, torch.diag_embed(found), 1e-8)


# ---- retention ----


def random_pair(*shape):
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)).double()


def test_retention_kl_multiplies_weights_and_keeps_their_mass():
    """The closed form of the KL step: exponentiated gradient."""
    rule = RETENTIONS["kl"].build(3.0)
    kept, update = random_pair(5, 4, 6)
    after = rule.primal(rule.keep(kept, update, torch.zeros(())))
    raised = rule.primal(kept) * update.exp()
    check_close(after, 3.0 * raised / raised.sum(-1, keepdim=True))
    check_close(after.sum(-1), torch.full((5, 4), 3.0).double())


def test_retention_sigmoid_multiplies_the_odds():
    rule = RETENTIONS["sigmoid"].build(None)
    kept, update = random_pair(5, 4, 6)
    before, after = rule.primal(kept), rule.primal(rule.keep(kept, update, torch.zeros(())))
    check_close(after / (1 - after), before / (1 - before) * update.exp())


def test_retention_elastic_solves_its_problem():
    """|W - target|^2 / 2 + gamma |W|_1 is lowest there: no other point of a grid is lower."""
    rule = RETENTIONS["elastic"].build(0.3)
    kept, update = random_pair(200, 1)
    target = 0.75 * kept + update
    cost = lambda w: (w - target).square() / 2 + 0.3 * w.abs()  # noqa: E731
    found = rule.keep(kept, update, torch.tensor(0.25))
    assert bool((cost(found) <= cost(torch.linspace(-4, 4, 801).double()) + 1e-12).all())
    assert bool((found == 0).any())


def test_retention_lq_mirror_is_the_slope_of_half_the_squared_norm():
    kept = random_pair(5, 4, 6)[0].requires_grad_()
    half = torch.linalg.vector_norm(kept, 3.0, dim=(1, 2)).square().sum() / 2
    check_close(RETENTIONS["lq_mirror"].build(3.0).primal(kept), torch.autograd.grad(half, kept)[0])
    for name in ("lq", "lq_mirror"):
        check_close(RETENTIONS[name].build(2.0).primal(kept), kept)


def test_the_published_lq_can_climb_and_its_mirror_map_cannot():
    """A / ||A||_q^(q-2) shrinks where A grows, so a step along A has the wrong sign for q > 3."""
    kept = random_pair(50, 4)[0]
    for name, climbs in (("lq", True), ("lq_mirror", False)):
        primal = RETENTIONS[name].build(4.0).primal
        along = ((primal(1.01 * kept) - primal(kept)) * kept).sum(-1)
        assert bool((along < 0).all() if climbs else (along > 0).all())


# ---- presets, as plain loops over one row ----


def linear_attention(memory, k, v, features, chunk):
    return memory + sum(torch.outer(value, key) for key, value in zip(k, v, strict=True))


def retnet(memory, k, v, features, chunk):
    for key, value in zip(k, v, strict=True):
        memory = 31 / 32 * memory + torch.outer(value, key)
    return memory


def deltanet(memory, k, v, features, chunk):
    for key, value, (theta, _, _) in zip(k, v, features, strict=True):
        memory = memory + 2 * theta * torch.outer(value - memory @ key, key)
    return memory


def gated_deltanet(memory, k, v, features, chunk):
    """a S (I - b k k^T) + b v k^T, as that paper writes it."""
    for key, value, (theta, _, alpha) in zip(k, v, features, strict=True):
        erase = torch.eye(len(key)).double() - 2 * theta * torch.outer(key, key)
        memory = (1 - alpha) * memory @ erase + 2 * theta * torch.outer(value, key)
    return memory


def ttt_linear(memory, k, v, features, chunk):
    for keys, values in zip(k.split(chunk), v.split(chunk), strict=True):
        memory = memory - 2 * float(torch.tensor(0.05)) * (keys @ memory.T - values).T @ keys
    return memory


CLOSED = {function.__name__: function for function in (linear_attention, retnet, deltanet, gated_deltanet, ttt_linear)}


def check_preset(name, step, length=9):
    preset, tokens = PRESETS[name], make_tokens(length)
    memory = preset.memory_config(dim=WIDTH)
    gate = GivenGate() if preset.config.gate == "learned" else None
    for t in (1, 2, length):
        part = Tokens(*(None if series is None else series[:, :t] for series in tokens))
        (start,), reads, fast = play(preset.config, memory, part, gate=gate, step=step)
        for row in range(2):
            k, v, q, features = (series[row] for series in part[:4])
            wanted = CLOSED[name](start[row], k, v, features, memory.chunk)
            check_close(fast.weights[0][row], wanted)
            check_close(reads[row, -1], wanted @ q[-1])


@pytest.mark.parametrize("name", CLOSED)
def test_presets_are_what_they_are_named_after(name):
    check_preset(name, miras_step, length=18)


def test_gated_delta_takes_the_error_of_what_has_decayed():
    check_preset("deltanet", mutants.undecayed_gated_delta)  # there nothing decays
    with pytest.raises(AssertionError):
        check_preset("gated_deltanet", mutants.undecayed_gated_delta)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_misses_less_the_last_time_a_pair_comes_than_the_first(name):
    preset, stream = PRESETS[name], make_pairs(tokens=96, pairs=3)
    trace = run(preset.config, stream.keys, stream.values, memory=preset.memory_config(dim=8))
    places = [(stream.pair == pair).nonzero()[0] for pair in range(3)]
    assert trace.diverged_at is None
    assert sum(trace.loss[place[-1]] for place in places) < sum(trace.loss[place[0]] for place in places)


def test_every_mutant_is_hunted():
    from test_miras import HUNTED

    others = {mutants.undecayed_gated_delta, mutants.explicit_implicit, mutants.unclipped_noise}
    found = {
        thing
        for name, thing in vars(mutants).items()
        if getattr(thing, "__module__", "") == mutants.__name__ and not name.startswith("_")
    }
    assert found == {*HUNTED, *WRONG_ALGORITHMS} | others
