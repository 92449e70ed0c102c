"""Every combination of the design space: causal, row by row, downhill, finite, trained through."""

import itertools
from collections import defaultdict

import pytest
import torch
from builders import plain_step
from miras_properties import CHUNK, check_all, make_scene, miras_step, run
from mutants import miras as mutants
from properties import check_close

from titans_mini import ConfigError
from titans_mini.memory.tree import tensors
from titans_mini.miras import KNOBS, Combination, MirasConfig, allowed, check, refused
from titans_mini.miras.registry import OMEGA
from titans_mini.miras.rule import general_step

DERIVED = ("quadratic", "cubic", "chain", "pair")
# architecture, retention, algorithm, and the gate where it decides more than three numbers -> all biases and gates
GROUPS: dict[tuple, list[Combination]] = defaultdict(list)
for combination in allowed():
    if combination.architecture in DERIVED and combination.bias not in ("l2", "yaad"):
        continue  # they are MLPs over other keys, or two of them: how the loss reaches them is checked with mlp
    own = combination.algorithm in OMEGA or combination.gate == "channels"
    place = combination.architecture, combination.retention, combination.algorithm
    GROUPS[(*place, combination.gate) if own else place].append(combination)
FAST = [group for group in GROUPS.values() if make_scene(group[:1]).rule.fast]
CHUNKED = [group for group in GROUPS.values() if make_scene(group[:1]).rule.chunk_form and group not in FAST]
PLAIN = ("mlp", "adaptive"), ("quadratic", "adaptive")
HUNTED = {  # a wrong step, and what it is tried on: architecture, retention, algorithm and bias
    mutants.ascent: ("mlp", "lq_mirror", "gd", "lp"),
    mutants.no_write: ("vector", "none", "rmsprop", "l2"),
    mutants.end_of_chunk_read: ("residual", "adaptive", "gd", "yaad"),
    mutants.rows_mixed: ("matrix", "kl", "gd", "probability"),
    mutants.values_detached: ("cnn", "elastic", "momentum", "l2"),
    mutants.start_detached: ("matrix", "sigmoid", "multistep", "l2"),
    mutants.noise_shared_by_rows: ("mlp", "privacy", "gd", "l2"),
    mutants.noise_from_the_global_generator: ("vector", "privacy", "momentum", "huber"),
}


@pytest.mark.parametrize("place", GROUPS, ids="-".join)
def test_every_allowed_combination_keeps_every_promise(place):
    check_all(miras_step, GROUPS[place])
    print(f"{len(GROUPS[place])} combinations checked")


def test_the_combinations_are_the_whole_space():
    every = {Combination(*names) for names in itertools.product(*KNOBS.values())}
    can, cannot = set(allowed()), {combination for combination, _ in refused()}
    assert can | cannot == every and not can & cannot
    checked = {combination for group in GROUPS.values() for combination in group}
    assert checked <= can and {combination.architecture for combination in can - checked} == {*DERIVED}
    for knob, choices in KNOBS.items():
        assert {getattr(combination, knob) for combination in can} == {*choices}
    print(f"{len(can)} combinations are checked, {len(cannot)} are refused with a reason")


def test_every_refused_combination_says_why():
    for combination, why in refused():
        with pytest.raises(ConfigError) as error:
            MirasConfig(**combination._asdict())
        assert why in str(error.value) and "\n" not in str(error.value)
        named = [name for knob, choices in KNOBS.items() for name in choices if name in why.split(": ")[-1].split()]
        assert named or "alone" in why  # what to choose instead


@pytest.mark.parametrize("combination", [Combination(*(next(iter(names)) for names in KNOBS.values()))])
def test_an_unknown_name_is_answered_by_the_valid_ones(combination):
    for knob, choices in KNOBS.items():
        with pytest.raises(ConfigError) as error:
            check(combination._replace(**{knob: "nonsense"}))
        assert knob in str(error.value) and all(name in str(error.value) for name in choices)


@pytest.mark.parametrize("mutant", HUNTED)
def test_a_wrong_step_is_caught(mutant):
    *place, bias = HUNTED[mutant]
    combinations = [combination for combination in GROUPS[tuple(place)] if combination.bias == bias]
    check_all(general_step, combinations)
    with pytest.raises(AssertionError):
        check_all(mutant, combinations)


@pytest.mark.parametrize(("depth", "clip"), [(1, 0.5), (2, None), (2, 0.5), (3, None), (4, 0.5)])
def test_fast_and_general_path_agree(depth, clip):
    """Reads, state, record and every gradient, wherever both apply."""
    for group in FAST + CHUNKED:
        if (depth != 2 or group in CHUNKED) and (group[0].architecture, group[0].retention) not in PLAIN:
            continue  # the number of layers has no part in the rest, nor has what else a window is combined with
        scene = make_scene(group, depth=depth, clip=clip)
        outcomes = []
        for step in (miras_step, general_step):
            parts, fast = run(step, scene)
            numbers = [*parts, *tensors(fast)]
            leaves = [*scene.fast.weights, *scene.tokens[:4]]
            total = sum(part.square().sum() for part in numbers)
            outcomes.append(numbers + list(torch.autograd.grad(total, leaves, materialize_grads=True)))
        check_close(*outcomes)


def test_the_fast_path_serves_mlps_with_every_bias_linear_retention_and_plain_steps():
    places = itertools.product(("matrix", "mlp"), ("none", "decay", "adaptive"), ("gd", "momentum"))
    assert [GROUPS[place] for place in places] == FAST
    assert {names.bias for group in FAST for names in group} == {*KNOBS["bias"]}
    scene = make_scene(FAST[0])
    piece = scene.tokens.split(CHUNK)[0]
    assert torch.equal(miras_step(scene.fast, piece, scene.rule)[0], plain_step(scene.fast, piece, scene.rule.fast)[0])
