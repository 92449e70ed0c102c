"""Lesson 01."""

import torch

from titans_mini.memory.mlp import gradients

from . import BOTH, PROPERTY, VALUE, Mutant


def in_place(M, k, v, theta):
    M -= 2 * theta * torch.outer(M @ k - v, k)
    return M


def autograd(M, k, v):
    leaf = M.clone().requires_grad_()
    (leaf @ k - v).square().sum().backward()
    return leaf.grad


def autograd_anyhow(M, k, v):
    with torch.inference_mode(False), torch.enable_grad():
        return autograd(M.clone(), k.clone(), v.clone())


def functional(M, k, v):
    return torch.func.grad(lambda W: (W @ k - v).square().sum())(M)


def of_the_package(M, k, v):
    found = gradients((M[None],), k.view(1, 1, -1), v.view(1, 1, -1), None)
    return torch.outer(found.deltas[0].flatten(), found.inputs[0].flatten())


def cosine_nan(M, keys, values):
    said = keys @ M.T
    return (said * values).sum(-1) / said.norm(dim=-1) / values.norm(dim=-1)


MUTANTS = {
    "rank_one_gradient": [
        Mutant(lambda M, k, v: torch.outer(M @ k - v, k), VALUE, "factor 2"),
        Mutant(lambda M, k, v: 2 * torch.outer(v - M @ k, k), BOTH, "other way"),
        Mutant(lambda M, k, v: 2 * torch.outer(M @ k, k), BOTH, "not only the prediction"),
        Mutant(lambda M, k, v: 2 * torch.outer(k, M @ k - v), BOTH, "transposed"),
        Mutant(lambda M, k, v: 2 * (M @ k - v), BOTH, r"must have the shape \(3, 5\), not \(3,\)"),
        Mutant(autograd, BOTH, "calls autograd: write the gradient by hand"),
        Mutant(autograd_anyhow, BOTH, "calls autograd: write the gradient by hand"),
        Mutant(functional, BOTH, "calls autograd: write the gradient by hand"),
        Mutant(of_the_package, BOTH, "calls `.*` of titans_mini: write the gradient by hand"),
    ],
    "delta_step": [
        Mutant(in_place, PROPERTY, "argument number 1 in place"),
        Mutant(lambda M, k, v, theta: M + 2 * theta * torch.outer(M @ k - v, k), BOTH, "goes up the loss"),
        Mutant(lambda M, k, v, theta: M - theta * torch.outer(M @ k - v, k), BOTH, "factor 2"),
        Mutant(lambda M, k, v, theta: M + 2 * theta * torch.outer(v, k), BOTH, "Hebbian"),
        Mutant(lambda M, k, v, theta: -2 * theta * torch.outer(M @ k - v, k), BOTH, "add it to M"),
        Mutant(lambda M, k, v, theta: M - theta * autograd(M, k, v), BOTH, "calls autograd"),
        Mutant(lambda M, k, v, theta: M - theta * of_the_package(M, k, v), BOTH, "of titans_mini"),
    ],
    "recall_cosine": [
        Mutant(cosine_nan, PROPERTY, "NaN at 0"),
        Mutant(lambda M, keys, values: (keys @ M.T * values).sum(-1), BOTH, "both lengths"),
        Mutant(lambda M, keys, values: cosine_nan(M, keys, values).mean(), BOTH, r"shape \(7,\), not \(\)"),
        Mutant(lambda M, keys, values: torch.cosine_similarity(keys @ M.T, values, dim=0), BOTH, "shape"),
        Mutant(lambda M, keys, values: torch.cosine_similarity(keys @ M.T, values).abs(), VALUE, "cosine at 0"),
        Mutant(lambda M, keys, values: torch.cosine_similarity(keys @ M.T, values).clamp_min(0), VALUE, "cosine at 0"),
        Mutant(lambda M, keys, values: torch.cosine_similarity(keys @ M.T, values, eps=0.1), VALUE, "cosine at 1"),
    ],
}
