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


def learn(seen, reward, *, sign=1.0, baseline=True, which=(1.0, 1.0)):
    torch.manual_seed(1)
    w, b = torch.zeros(2, dtype=seen.dtype, requires_grad=True), torch.zeros((), dtype=seen.dtype, requires_grad=True)
    optimizer = torch.optim.Adam([w, b], lr=0.1)
    for _ in range(400):
        chance = torch.sigmoid(seen * torch.tensor(which, dtype=seen.dtype) @ w + b)
        write = torch.bernoulli(chance.detach())
        earned = reward(write)
        earned = sign * (earned - earned.mean() if baseline else earned)
        likely = torch.where(write > 0, chance, 1 - chance).clamp_min(1e-9).log()
        optimizer.zero_grad()
        (-earned * likely).mean().backward()
        optimizer.step()
    return w.detach() * torch.tensor(which, dtype=seen.dtype), b.detach()


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
    "learn_gate": [
        Mutant(lambda *args: learn(*args, sign=-1.0), BOTH, "go up the reward|of the noise"),
        Mutant(lambda *args: learn(*args, baseline=False), PROPERTY, "take the mean off"),
        Mutant(lambda *args: learn(*args, which=(1.0, 0.0)), BOTH, "of the noise|of the facts"),
        Mutant(lambda *args: (torch.tensor([1.0, -1.0]), torch.tensor(-0.25)), PROPERTY, "learn to stay shut"),
        Mutant(lambda *args: (torch.zeros(2), torch.tensor(1.0)), BOTH, "writes 100% of the noise"),
        Mutant(lambda *args: learn(*args)[0], BOTH, "2 things"),
    ],
}
