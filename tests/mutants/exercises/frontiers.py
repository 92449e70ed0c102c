"""Lesson 10."""

import torch

from . import BOTH, PROPERTY, VALUE, Mutant


def rows(W, *, largest=127, round_=torch.round, least=1e-38):
    scale = (W.abs().amax(1, keepdim=True) / largest).clamp_min(least)
    return round_(W / scale).clamp(-127, 127).to(torch.int8), scale


def one_scale(W):
    scale = (W.abs().max() / 127).expand(len(W), 1)
    return (W / scale).round().to(torch.int8), scale


def zeros_become_nan(W):
    scale = W.abs().amax(1, keepdim=True) / 127
    return (W / scale).round().to(torch.int8), scale / (scale > 0)


def ahead(rewards):
    return rewards.flip(1).cumsum(1).flip(1)


def past(rewards):
    return rewards.cumsum(1) - rewards.cumsum(1).mean(0)


def in_place(rewards):
    rewards -= rewards.mean(0)
    return ahead(rewards)


def one_state(step, start, events):
    state, answers = list(start), []
    for _, token in events:
        answer, state = step(state, token)
        answers.append(answer)
    return answers


def aliased(step, start, events):
    states, answers = {}, []
    for user, token in events:
        answer, states[user] = step(states.get(user, start), token)
        answers.append(answer)
    return answers


def one_copy(step, start, events):
    return aliased(step, list(start), events)


def forgetful(step, start, events):
    return [step(list(start), token)[0] for _, token in events]


MUTANTS = {
    "quantize_rows": [
        Mutant(one_scale, VALUE, "take one a row"),
        Mutant(lambda W: rows(W, round_=torch.trunc), BOTH, "cuts off"),
        Mutant(lambda W: rows(W, largest=128), BOTH, "not by 128"),
        Mutant(zeros_become_nan, PROPERTY, "NaN"),
        Mutant(lambda W: tuple(part.double() for part in rows(W)), BOTH, "dtype torch.int8"),
    ],
    "advantage": [
        Mutant(ahead, BOTH, "baseline is missing"),
        Mutant(past, BOTH, "what came before"),
        Mutant(lambda rewards: ahead(rewards) - ahead(rewards).mean(1, keepdim=True), BOTH, "dim 0"),
        Mutant(lambda rewards: rewards - rewards.mean(0), BOTH, "later ones count"),
        Mutant(in_place, PROPERTY, "in place"),
    ],
    "read_sessions": [
        Mutant(one_state, BOTH, "share one memory"),
        Mutant(aliased, PROPERTY, "`start` itself was written to"),
        Mutant(one_copy, PROPERTY, "share one list"),
        Mutant(forgetful, BOTH, "no memory is kept"),
    ],
}
