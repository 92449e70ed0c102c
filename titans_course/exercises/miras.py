"""Lesson 06: slopes of two losses, and two ways to keep a memory."""

import torch
from torch import Tensor

from titans_mini.messages import Message
from titans_mini.miras.bias import BIASES
from titans_mini.miras.retention import RETENTIONS

from .check import Answer, Draw, Exercise
from .values import CLOSE, Wrong, agree, require


def _slope(name: str, r: Tensor, number: float) -> Tensor:
    """The package's slope of a loss at the errors r (t,)."""
    _, slope = BIASES[name].build(number)(r.view(1, -1, 1), torch.zeros(1, len(r), 1).double(), None)
    return slope.flatten()


def _huber_value(answer: Answer, draw: Draw) -> None:
    r, delta = draw.between(-4.0, 4.0, 20), draw.number(0.5, 1.5)
    r[0], r[1] = delta / 2, 2 * delta
    wanted = _slope("huber", r, delta)
    slips = {
        "near 0 the loss is r^2, whose slope is 2 r": wanted / 2,
        "it is the loss, not its slope": torch.where(r.abs() > delta, delta * (2 * r.abs() - delta), r * r),
        "the straight part has the slope 2 delta, with the sign of r": 2 * r.clamp(max=delta),
        "where r is large the slope has a sign": torch.where(r.abs() > delta, 2 * delta, 2 * r),
        "the straight part meets the square one: its slope there is 2 delta": torch.where(
            r.abs() > delta, delta * r.sign(), 2 * r
        ),
        "l2 has this slope; Huber's stops growing at delta": 2 * r,
    }
    agree(answer.tensor((20,), r, delta), wanted, "the slope", slips)


def _huber_property(answer: Answer, draw: Draw) -> None:
    r, delta = draw.between(-9.0, 9.0, 15), draw.number(0.5, 1.5)
    said = answer.tensor((15,), r, delta)
    bounded = bool((said.abs() <= 2 * delta * (1 + CLOSE)).all())
    require(bounded, "an outlier must not write harder than 2 delta; yours does")
    agree(answer.tensor((15,), -r, delta), -said, "an error of the other sign writes just the other way; the slope")
    agree(answer.tensor((3,), r[:3], 100.0), 2 * r[:3], "far inside delta Huber is l2, so the slope")


def _lp_value(answer: Answer, draw: Draw) -> None:
    r = draw.between(0.3, 3.0, 16) * torch.tensor([1.0, -1.0] * 8).double()
    for p in (1.5, 2.0, 3.0):
        wanted = p * r.sign() * r.abs() ** (p - 1)
        slips = {
            "the factor p is missing": wanted / p,
            "it has lost the sign of r": wanted.abs(),
            "the power goes down by one: |r|^(p - 1)": p * r.sign() * r.abs() ** p,
        }
        agree(answer.tensor((16,), r, p), wanted, Message("the slope at p = {p}", p=p), slips, tolerance=1e-3)


def _lp_property(answer: Answer, draw: Draw) -> None:
    r = torch.tensor([-1e-4, 0.0, 1e-4], dtype=torch.float64)
    for p in (1.0, 1.5, 3.0):
        said = answer.tensor((3,), r, p)
        text = "without an error nothing is written: at p = {p} the slope at 0 is 0"
        require(abs(said[1].item()) < CLOSE, text, p=p)
        bend = answer.slope(torch.zeros(1, dtype=torch.float64), p)
        if bend is None:
            raise Wrong("at p = {p} no gradient flows through the slope: `sign` has none, `tanh(1000 r)` does", p=p)
        text = "at p = {p} the slope has no finite slope at 0: |r| is sqrt(r^2 + 1e-6)"
        require(bool(bend.isfinite().all()), text, p=p)
        text = "at p = {p} the slope must rise through 0, or the outer model learns nothing"
        require(bool((bend > 0).all()), text, p=p)
    r = torch.tensor([-3e-3, -1e-3, -2e-4, 5e-4, 2e-3], dtype=torch.float64)
    for p in (1.0, 1.5, 3.0):
        wanted = p * torch.tanh(1000 * r) * torch.sqrt(r * r + 1e-6) ** (p - 1)
        smooth = Message("near 0 |r| is sqrt(r^2 + 1e-6) and the sign is tanh(1000 r): at p = {p} the slope", p=p)
        agree(answer.tensor((5,), r, p), wanted, smooth, tolerance=1e-3)


def _kl_value(answer: Answer, draw: Draw) -> None:
    W, update, alpha = draw.normal(3, 5).softmax(-1), draw.normal(3, 5), draw.number(0.1, 0.5)
    made = (1 - alpha) * W.log() + update
    slips = {
        "each row is a distribution, not each column: dim=-1": made.softmax(0),
        "the update is added to log W, not to W": ((1 - alpha) * W + update).softmax(-1),
        "forgetting shrinks log W by 1 - alpha": (W.log() + update).softmax(-1),
        "the update is added; it already goes down the loss": ((1 - alpha) * W.log() - update).softmax(-1),
        "forgetting acts only on the old memory": ((1 - alpha) * (W.log() + update)).softmax(-1),
    }
    agree(answer.tensor((3, 5), W, update, alpha), made.softmax(-1), "the new W", slips)


def _kl_property(answer: Answer, draw: Draw) -> None:
    W, update = draw.normal(4, 6).softmax(-1), draw.normal(4, 6)
    said = answer.tensor((4, 6), W, update, 0.2)
    agree(said.sum(-1), torch.ones(4), "each row must sum to 1; row")
    agree(answer.tensor((4, 6), W, torch.zeros_like(W), 0.0), W, "without update and forgetting W stays; it")
    even = torch.full((4, 6), 1 / 6)
    agree(answer.tensor((4, 6), W, torch.zeros_like(W), 1.0), even, "alpha = 1 forgets all: even shares; W")
    large = torch.zeros_like(W)
    large[0, 2] = 2000.0
    said = answer.tensor((4, 6), W, large, 0.2)
    agree(said[0, 2], 1.0, "an update of 2000 takes all the mass of its row; its share")
    agree(said[1:], (0.8 * W[1:].log()).softmax(-1), "an update of 2000 in row 0 is nothing to the other rows; their W")
    large[1, :2] = torch.tensor([2000.0, 1999.0]).double()
    pair = (0.8 * W[1, :2].log() + large[1, :2]).softmax(-1)
    agree(answer.tensor((4, 6), W, large, 0.2)[1, :2], pair, "2000 is one more than 1999, also when both are large; W")


def _lq_value(answer: Answer, draw: Draw) -> None:
    A, q = draw.normal(4, 3), draw.number(3.0, 4.5)
    total = (A.abs() ** q).sum()
    wanted = A / total ** ((q - 2) / q)
    slips = {
        "the norm is a root: (sum |A|^q)^(1/q)": A / total ** (q - 2),
        "the norm is raised to the power q - 2": A / total ** (1 / q),
        "sum absolute values; A has negative entries": A / (A**2).sum() ** ((q - 2) / 2),
        "one norm for the whole matrix, not one a row": A / (A.abs() ** q).sum(-1, keepdim=True) ** ((q - 2) / q),
        "divide by it": A * total ** ((q - 2) / q),
    }
    agree(answer.tensor((4, 3), A, q), wanted, "W", slips)


def _lq_property(answer: Answer, draw: Draw) -> None:
    A = draw.normal(3, 5)
    agree(answer.tensor((3, 5), A, 2.0), A, "at q = 2 there is nothing to scale, so W is A; it")
    small = answer.tensor((3, 5), A, 4.0) / 10
    agree(answer.tensor((3, 5), 10 * A, 4.0), small, "at q = 4 a sum ten times as large gives a tenth; W")
    wanted = RETENTIONS["lq"].build(4.0).primal(A.unsqueeze(0))[0]
    agree(answer.tensor((3, 5), A, 4.0), wanted, "at Moneta's q = 4 W")
    agree(answer.tensor((3, 5), 0.01 * A, 4.0), 100 * wanted, "a small memory has large weights at q = 4; W")
    agree(answer.tensor((3, 5), torch.zeros_like(A), 4.0), torch.zeros(3, 5), "an empty memory stays 0; W")


check_huber_slope = Exercise(
    "huber_slope", 6, "the slope of Huber's loss", (2, 2), 2, 8, _huber_value, _huber_property,
    (
        "The loss is r^2 up to |r| = delta, then delta (2 |r| - delta). Take the derivative of each part.",
        "Near 0 the slope grows with r. Beyond delta it stays what it was at delta, with the sign of r.",
        "Put a limit on r from both sides, and then take the slope of the square.",
    ),
)  # fmt: skip
check_lp_slope = Exercise(
    "lp_slope", 6, "a smooth slope of |r|^p", (2, 2), 3, 12, _lp_value, _lp_property,
    (
        "Away from 0 it is p sign(r) |r|^(p - 1). What do sign and a power do at 0?",
        "Smooth both: |r| becomes sqrt(r^2 + 1e-6), sign(r) becomes tanh(1000 r).",
        "The power p - 1 belongs to the smoothed |r|. At r = 0 look at the slope of your slope with autograd.",
    ),
)  # fmt: skip
check_kl_retention = Exercise(
    "kl_retention", 6, "Memora's retention", (2, 2), 3, 10, _kl_value, _kl_property,
    (
        "Work in the logarithm: shrink log W, add the update, come back to shares.",
        "Rows are distributions. To come back is a softmax over the row.",
        "torch.softmax copes with large numbers, exp and a sum of your own do not. Over which dim?",
    ),
)  # fmt: skip
check_lq_weights = Exercise(
    "lq_weights", 6, "Moneta's weights", (2, 2), 3, 10, _lq_value, _lq_property,
    (
        "W = A / ||A||_q^(q - 2), one norm for the whole matrix.",
        "||A||_q is a root of a sum. Its power q - 2 is another power of that same sum: which?",
        "An empty memory would be 0 / 0. Keep the sum above a number that is far below any real sum.",
    ),
)  # fmt: skip

EXERCISES = (check_huber_slope, check_lp_slope, check_kl_retention, check_lq_weights)
