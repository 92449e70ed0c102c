"""Lesson 04: the chunk form's matrices, and its reads."""

import torch
from torch import Tensor

from titans_mini.memory.scan import decay_matrix
from titans_mini.reference import token_loop

from ..studies.parallel import gate_matrices
from .check import Answer, Draw, Exercise
from .values import agree, require, unmoved


def _decay_value(answer: Answer, draw: Draw) -> None:
    alpha = draw.between(0.1, 0.5, 6)
    wanted = decay_matrix(1 - alpha)
    said = answer.tensor((6, 6), alpha)
    require(bool((said.triu(1) == 0).all()), "above the diagonal D must be 0: token t holds nothing of a later token")
    slips = {
        "the product starts at s = j; what token j adds does not pass its own forgetting": wanted * (1 - alpha),
        "it is transposed: rows are t, columns are j": wanted.T,
        "it multiplies what is forgotten, not what is kept": decay_matrix(alpha),
    }
    agree(said, wanted, "D", slips)


def _decay_property(answer: Answer, draw: Draw) -> None:
    alpha = draw.between(0.1, 0.5, 7)
    alpha[3] = 1.0
    said = answer.tensor((7, 7), alpha)
    agree(said.diagonal(), torch.ones(7), "on the diagonal D must be 1: the product is empty; entry")
    require(bool((said[3:, :3] == 0).all()), "alpha = 1 at token 3 clears all before it: D[3:, :3] must be exactly 0")
    after = decay_matrix(1 - alpha)[3:, 3:]
    agree(said[3:, 3:], after, "alpha = 1 at token 3 must not touch what comes after it; there D")


def _loops(theta: Tensor, eta: Tensor, alpha: Tensor) -> dict[str, Tensor]:
    return {name: torch.from_numpy(matrix) for name, matrix in gate_matrices(theta, eta, alpha).items()}


def _coef_value(answer: Answer, draw: Draw) -> None:
    theta, eta, alpha = draw.between(0.1, 0.9, 5), draw.between(0.1, 0.9, 5), draw.between(0.1, 0.5, 5)
    made = _loops(theta, eta, alpha)
    D, E = made["D"], made["E"]
    slips = {
        "first E, then D: a gradient passes S before it reaches M, so the product is D @ E": E @ D * theta,
        "the momentum is missing: the product of etas, E": D * theta,
        "the forgetting is missing: the product of 1 - alpha, D": E * theta,
        "theta_i belongs to gradient i, which is a column": D @ E * theta[:, None],
        "theta is missing": D @ E,
        "it is a matrix product, not one entry by entry": D * E * theta,
    }
    agree(answer.tensor((5, 5), theta, eta, alpha), made["Coef"], "Coef", slips)


def _coef_property(answer: Answer, draw: Draw) -> None:
    theta, alpha = draw.between(0.1, 0.9, 5), draw.between(0.1, 0.5, 5)
    eta = torch.zeros(5, dtype=torch.float64)
    wanted = decay_matrix(1 - alpha) * theta
    agree(answer.tensor((5, 5), theta, eta, alpha), wanted, "without momentum Coef is D diag(theta); it")
    theta[2] = 0.0
    said = answer.tensor((5, 5), theta, draw.between(0.1, 0.9, 5), alpha)
    require(bool((said[:, 2] == 0).all()), "theta = 0 at token 2 writes nothing: column 2 of Coef must be 0")
    require(bool((said.tril()[4, [0, 1, 3]] != 0).all()), "theta = 0 at token 2 must not change the other gradients")


def _read_inputs(draw: Draw) -> tuple[Tensor, ...]:
    W, keys, values, queries = draw.normal(3, 4), draw.normal(12, 4), draw.normal(12, 3), draw.normal(12, 4)
    theta, alpha = draw.between(0.05, 0.2, 12), draw.between(0.0, 0.2, 12)
    return W, keys, values, queries, decay_matrix(1 - alpha) * theta, (1 - alpha).cumprod(0), theta, alpha


def _read_value(answer: Answer, draw: Draw) -> None:
    W, keys, values, queries, coef, start, theta, alpha = _read_inputs(draw)
    loop = token_loop([W.clone()], keys, values, queries, lambda t, _: (theta[t], 0, alpha[t]), None, chunk=12)
    delta = 2 * (keys @ W.T - values)
    written = ((queries @ keys.T) * coef) @ delta
    kept = start[:, None] * (queries @ W.T)
    slips = {
        "the start weights have decayed by token t: start[t] is missing": queries @ W.T - written,
        "delta is 2 (W k - v): a factor 2 is missing": kept - written / 2,
        "what is written is subtracted": kept + written,
        "the writes are missing": kept,
        "token t is read after its own write: i <= t": kept - ((queries @ keys.T) * coef.tril(-1)) @ delta,
        "every token reads the memory of the chunk's end": start[-1] * (queries @ W.T)
        - (queries @ keys.T * coef[-1]) @ delta,
    }
    said = answer.tensor((12, 3), W, keys, values, queries, coef, start)
    agree(said, loop.reads.detach(), "the read", slips)


def _read_property(answer: Answer, draw: Draw) -> None:
    W, keys, values, queries, coef, start, *_ = _read_inputs(draw)
    before = answer.tensor((12, 3), W, keys, values, queries, coef, start)
    later = values.clone()
    later[9] += 1
    after = answer.tensor((12, 3), W, keys, later, queries, coef, start)
    unmoved(before, after, 9, "your read sees later writes")
    require(bool((before[9] != after[9]).any()), "token 9 is read after its own write: its value must change its read")
    still = answer.tensor((12, 3), W, keys, values, queries, torch.zeros_like(coef), torch.ones_like(start))
    agree(still, queries @ W.T, "where nothing is written or forgotten the read is W q; it")


check_decay = Exercise(
    "decay", 4, "the decay matrix D", (2, 2), 3, 12, _decay_value, _decay_property,
    (
        "Row t, column j: which share of what was added at token j is left at token t? Token j itself: all of it.",
        "Walk down a column: it starts with 1 on the diagonal. How does each entry follow from the one above it?",
        "Two loops are fine. Quotients of running products are not: at alpha = 1 they are 0 / 0.",
    ),
)  # fmt: skip
check_coef = Exercise(
    "coef", 4, "the coefficient matrix", (2, 2), 3, 12, _coef_value, _coef_property,
    (
        "Gradient i enters S at token i with theta_i, is carried on by eta; every S enters M, where it is forgotten.",
        "E is the decay matrix of eta, D that of 1 - alpha; a path goes first through E, then through D.",
        "The matrix of the path's first part stands on the right. theta_i goes with gradient i: a row, or a column?",
    ),
)  # fmt: skip
check_chunk_read = Exercise(
    "chunk_read", 4, "all reads of a chunk at once", (2, 2), 4, 20, _read_value, _read_property,
    (
        "M after write t is start[t] W minus the sum over i of coef[t, i] delta_i k_i^T. Multiply that by q_t.",
        "delta_i = 2 (W k_i - v_i), at the start weights. k_i^T q_t is a number: entry [t, i] of queries @ keys.T.",
        "All k_i^T q_t are one product of two matrices. Weigh it entry by entry; one product with delta is left.",
    ),
)  # fmt: skip

EXERCISES = (check_decay, check_coef, check_chunk_read)
