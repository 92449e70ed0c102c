"""Lesson 02: the two loops of the rule, half-lives, and products of gates."""

import math

import torch

from titans_mini.messages import Message

from .check import Answer, Draw, Exercise
from .values import Wrong, agree, as_tensor, require


def _both(answer: Answer, shape: tuple[int, int], *args: object):
    M, S = answer.several(2, *args)
    return as_tensor(M, shape, Message("the new M")), as_tensor(S, shape, Message("the new S"))


def _loops_value(answer: Answer, draw: Draw) -> None:
    M, S, grad = (draw.normal(3, 4) for _ in range(3))
    theta, eta, alpha = draw.number(0.1, 0.5), draw.number(0.3, 0.9), draw.number(0.1, 0.4)
    new = eta * S - theta * grad
    said, pushed = _both(answer, (3, 4), M, S, grad, theta, eta, alpha)
    slips = {
        "the gradient is subtracted": eta * S + theta * grad,
        "there is no 1 - eta in front of the gradient; that is the recipe's smoothing of a number": eta * S
        - (1 - eta) * theta * grad,
        "S carries the share eta of itself on": S - theta * grad,
    }
    agree(pushed, new, "the new S", slips)
    slips = {
        "it adds the S from before this token": (1 - alpha) * M + S,
        "forgetting acts only on the old M, not on the S that is added": (1 - alpha) * (M + new),
        "1 - alpha is kept, alpha is forgotten": alpha * M + new,
    }
    agree(said, (1 - alpha) * M + new, "the new M", slips)


def _loops_property(answer: Answer, draw: Draw) -> None:
    M, S, grad = (draw.normal(3, 4) for _ in range(3))
    answer.untouched(M, S, grad, 0.1, 0.5, 0.1)
    kept, _ = _both(answer, (3, 4), M, S, grad, 0.0, 0.0, 0.25)
    agree(kept, 0.75 * M, "without step and momentum three quarters of M must be left at alpha = 0.25; an entry")
    pushed = torch.zeros_like(S)
    for _ in range(30):
        _, pushed = _both(answer, (3, 4), M, pushed, grad, 0.1, 0.5, 0.0)
    agree(pushed, -0.2 * grad, "under the same gradient S must end at -theta / (1 - eta) times it; an entry")


def _half_value(answer: Answer, draw: Draw) -> None:
    for alpha in (1e-4, draw.number(0.01, 0.1), 0.5, draw.number(0.6, 0.9)):
        wanted = math.log(0.5) / math.log1p(-alpha)
        slips = {
            "it need not be whole: solve (1 - alpha)^n = 1/2 for n in place of counting tokens": math.ceil(wanted),
            "ln 2 / alpha holds only for small alpha; solve (1 - alpha)^n = 1/2": math.log(2) / alpha,
            "1 / alpha is the time after which the share left is 37%; a half is left earlier": 1 / alpha,
            "a number of tokens is positive": -wanted,
            "it is the half-life of a share kept, not forgotten": math.log(0.5) / math.log(alpha),
        }
        what = Message("the half-life at alpha = {alpha:.4g}", alpha=alpha)
        agree(answer.number(alpha), wanted, what, slips)


def _half_property(answer: Answer, draw: Draw) -> None:
    never = answer.number(0.0)
    text = "at alpha = 0 nothing is ever forgotten: the half-life is math.inf, not {never:g}"
    require(never == math.inf, text, never=never)
    agree(answer.number(1.0), 0.0, "at alpha = 1 all is gone at once, so the half-life")
    tiny = answer.number(1e-18)
    why = "1 - alpha rounds a tiny alpha away, math.log1p(-alpha) does not: at alpha = 1e-18 the half-life / 1e18"
    agree(tiny / 1e18, math.log(2), why)


def _kept_value(answer: Answer, draw: Draw) -> None:
    alpha = draw.between(0.0, 0.5, 9)
    keep = 1 - alpha
    slips = {
        "it starts a token late: token 0 forgets as well": torch.cat([torch.ones(1).double(), keep.cumprod(0)[:-1]]),
        "shares multiply, they do not add": 1 - alpha.cumsum(0),
        "it multiplies what is forgotten, not what is kept": alpha.cumprod(0),
    }
    agree(answer.tensor((9,), alpha), keep.cumprod(0), "the share left", slips)


def _kept_property(answer: Answer, draw: Draw) -> None:
    alpha = draw.between(0.1, 0.5, 8)
    alpha[3] = 1.0
    said = answer.tensor((8,), alpha)
    require(bool((said[3:] == 0).all()), "alpha = 1 at token 3 clears the memory: from there on exactly 0 is left")
    require(bool((answer.tensor((5,), torch.zeros(5).double()) == 1).all()), "at alpha = 0 exactly all is left")
    grad = answer.slope(alpha)
    if grad is None:
        raise Wrong("the gates are learned: the result must stay a tensor through which gradients flow")
    require(bool(grad.isfinite().all()), "the gradient is NaN where alpha is 1: the logarithm of 0 is not finite")


check_two_loops = Exercise(
    "two_loops", 2, "momentum and forgetting in one step", (2, 1), 2, 6, _loops_value, _loops_property,
    (
        "First S, then M: M adds the S of this very token.",
        "S <- eta S - theta grad. M <- (1 - alpha) M + S.",
        "Both results need the new S: give it a name of its own. `S *= eta` would change the caller's.",
    ),
)  # fmt: skip
check_half_life = Exercise(
    "half_life", 2, "the half-life of a memory", (2, 2), 2, 8, _half_value, _half_property,
    (
        "After n tokens (1 - alpha)^n is left. For which n is that 1/2?",
        "Take the logarithm of both sides. What happens to it at alpha = 0, and what at alpha = 1?",
        "`math.log1p(x)` is ln(1 + x) without rounding. The two ends come first, before you divide by anything.",
    ),
)  # fmt: skip
check_kept_share = Exercise(
    "kept_share", 2, "what is left of the start", (1, 2), 3, 8, _kept_value, _kept_property,
    (
        "Token t leaves the share 1 - alpha_t of what token t - 1 left.",
        "It is a running product. A sum of logarithms does not do: ln 0 is not finite.",
        "Beside the running sum torch has a running product, whose gradient is finite where a factor is 0.",
    ),
)  # fmt: skip

EXERCISES = (check_two_loops, check_half_life, check_kept_share)
