"""Lesson 01: one matrix as a memory, its gradient, one step, and how well it recalls."""

import torch
from torch.nn.functional import cosine_similarity

from .check import Answer, Draw, Exercise
from .values import CLOSE, agree, require


def _gradient(M, k, v):
    return 2 * torch.outer(M @ k - v, k)


def _gradient_value(answer: Answer, draw: Draw) -> None:
    M, k, v = draw.normal(3, 5), draw.normal(5), draw.normal(3)
    wanted = _gradient(M, k, v)
    said = answer.tensor((3, 5), M, k, v)
    slips = {
        "it is half of the gradient; the square brings a factor 2": wanted / 2,
        "it points the other way; the error is M k - v, not v - M k": -wanted,
        "it is half of the gradient and points the other way": -wanted / 2,
        "the outer product takes the error M k - v, not only the prediction": 2 * torch.outer(M @ k, k),
    }
    agree(said, wanted, "the gradient", slips)


def _gradient_property(answer: Answer, draw: Draw) -> None:
    M, k, v = draw.normal(4, 6), draw.normal(6), draw.normal(4)
    known = answer.tensor((4, 6), M, k, M @ k)
    require(known.abs().max() < CLOSE, "the gradient of a pair that the memory already knows must be 0")
    said = answer.tensor((4, 6), M, k, v)
    rank = int(torch.linalg.matrix_rank(said, rtol=CLOSE))
    require(rank == 1, "the gradient of one pair must have rank one: it is an outer product")
    after = M - 1e-3 * said
    fell = (after @ k - v).square().sum() < (M @ k - v).square().sum()
    require(bool(fell), "a small step against the gradient must lower the loss of its pair; yours raises it")


def _step_value(answer: Answer, draw: Draw) -> None:
    M, k, v, theta = draw.normal(3, 5), draw.normal(5), draw.normal(3), draw.number(0.05, 0.3)
    grad = _gradient(M, k, v)
    slips = {
        "the step goes up the loss; subtract the gradient": M + theta * grad,
        "the gradient has a factor 2": M - theta * grad / 2,
        "it is the change; add it to M": -theta * grad,
        "theta is missing": M - grad,
        "a Hebbian write adds v k^T; the delta rule writes the error": M + 2 * theta * torch.outer(v, k),
    }
    agree(answer.tensor((3, 5), M, k, v, theta), M - theta * grad, "the new M", slips)


def _step_property(answer: Answer, draw: Draw) -> None:
    M, v = draw.normal(4, 6), draw.normal(4)
    k, other = torch.linalg.qr(draw.normal(6, 2)).Q.T  # at right angles
    k = 2 * k
    answer.untouched(M, k, v, 0.1)
    after = answer.tensor((4, 6), M, k, v, 1 / 8)
    agree(after @ k, v, "with theta = 1 / (2 |k|^2) the answer to k must be v at once; its entry")
    agree(after @ other, M @ other, "a write must not change the answer to a key at right angles; its entry")


def _cosine_value(answer: Answer, draw: Draw) -> None:
    M, keys, values = draw.normal(4, 6), draw.normal(7, 6), draw.normal(7, 4)
    answers = keys @ M.T
    values[0], values[1] = -2 * answers[0] + 0.1, 1e-3 * values[1]  # an answer that is wrong, and a short value
    slips = {
        "divide the product by both lengths": (answers * values).sum(-1),
        "divide by the length of the value, too": (answers * values).sum(-1) / answers.norm(dim=-1),
        "divide by the length of the answer, too": (answers * values).sum(-1) / values.norm(dim=-1),
    }
    said = answer.tensor((7,), M, keys, values)
    agree(said, cosine_similarity(answers, values, dim=-1), "the cosine", slips)


def _cosine_property(answer: Answer, draw: Draw) -> None:
    M, keys, values = draw.normal(4, 6), draw.normal(5, 6), draw.normal(5, 4)
    said = answer.tensor((5,), M, keys, values)
    require(bool((said.abs() <= 1 + CLOSE).all()), "a cosine lies between -1 and 1")
    agree(answer.tensor((5,), 3 * M, keys, values), said, "a memory 3 times as large must have the same cosines; one")
    empty = answer.tensor((5,), torch.zeros_like(M), keys, values)
    agree(empty, torch.zeros(5), "an empty memory answers 0, whose cosine counts as 0; yours")


check_rank_one_gradient = Exercise(
    "rank_one_gradient", 1, "the gradient of one matrix", (2, 1), 2, 8, _gradient_value, _gradient_property,
    (
        "The loss is |M k - v|^2. Which number does one entry M[o, i] change, and by how much?",
        "M[o, i] enters the error e = M k - v only in row o, times k[i]. And e[o]^2 has the derivative 2 e[o].",
        "Each entry is one number of the error times one of the key: which product of two vectors makes such a table?",
    ),
    by_hand=True,
)  # fmt: skip
check_delta_step = Exercise(
    "delta_step", 1, "one step of the delta rule", (1, 2), 2, 6, _step_value, _step_property,
    (
        "Go down the loss: which sign does the gradient get?",
        "M_t = M_{t-1} - theta * gradient, with the gradient of the exercise before.",
        "`M -= ...` would change the caller's matrix. At theta = 1 / (2 |k|^2) the pair must be known at once: try it.",
    ),
    by_hand=True,
)  # fmt: skip
check_recall_cosine = Exercise(
    "recall_cosine", 1, "recall as a cosine", (1, 2), 2, 8, _cosine_value, _cosine_property,
    (
        "All answers at once: keys are rows, so they are multiplied by M from the right, transposed.",
        "A cosine is the sum of products over the product of the two lengths, row by row (dim=-1).",
        "An empty memory has answers of length 0: what must stand under the fraction so that they give 0, not NaN?",
    ),
)  # fmt: skip

EXERCISES = (check_rank_one_gradient, check_delta_step, check_recall_cosine)
