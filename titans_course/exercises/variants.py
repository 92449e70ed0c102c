"""Lesson 05: who may see whom, how two branches are joined, and a memory trained through its writes."""

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, normalize, rms_norm, silu

from titans_mini.messages import Message

from .check import Answer, Draw, Exercise
from .values import CLOSE, agree, article, as_tensor, require


def _mask(answer: Answer, shape: tuple[int, int], *args: int) -> Tensor:
    said = answer(*args)
    text = "{what} must be a tensor, not {given}"
    require(isinstance(said, Tensor), text, what=Message("the mask"), given=article(said))
    text = "the mask must be of dtype torch.bool, true where a token may look, not {dtype}"
    require(said.dtype == torch.bool, text, dtype=said.dtype)
    answer.tensor(shape, *args)
    return said


def _grid(t: int) -> tuple[Tensor, Tensor]:
    places = torch.arange(t)
    return places[:, None], places[None, :]  # i, j


def _window_value(answer: Answer, draw: Draw) -> None:
    t, w = draw.whole(9, 12), draw.whole(3, 5)
    i, j = _grid(t)
    said = _mask(answer, (t, t), t, w)
    slips = {
        "w counts the token itself: it sees w - 1 tokens before it, yours sees w": (j <= i) & (j >= i - w),
        "tokens before the window must be shut out": j <= i,
        "it also looks ahead": (i - j).abs() < w,
        "it is turned round: true is where a token may look": ~((j <= i) & (j > i - w)),
        "a token sees itself": (j < i) & (j > i - w),
    }
    agree(said.double(), ((j <= i) & (j > i - w)).double(), "the mask", _numbers(slips))


def _numbers(slips: dict[str, Tensor]) -> dict[str, Tensor]:
    return {sentence: mask.double() for sentence, mask in slips.items()}


def _window_property(answer: Answer, draw: Draw) -> None:
    t = draw.whole(5, 8)
    for w in (1, 2, t, t + 3):
        said = _mask(answer, (t, t), t, w)
        ahead = said.triu(1)
        text = "with t = {t} and w = {w} token {token} looks at a later token"
        require(not ahead.any(), text, t=t, w=w, token=_first(ahead))
        counts, wanted = said.sum(1), torch.arange(1, t + 1).clamp(max=w)
        off = counts != wanted
        row = _first(off)
        text = "with w = {w} token {token} sees {count} tokens, not {wanted}"
        require(not off.any(), text, w=w, token=row, count=int(counts[row]), wanted=int(wanted[row]))


def _first(mask: Tensor) -> int:
    """The first row that has something true; 0 if there is none."""
    found = mask.reshape(len(mask), -1).any(1).nonzero()
    return int(found[0]) if len(found) else 0


def _context(t: int, p: int, recalled: Tensor, own: Tensor) -> Tensor:
    return torch.cat([torch.ones(t, p, dtype=torch.bool), recalled, own], dim=1)


def _mac_value(answer: Answer, draw: Draw) -> None:
    t, p = draw.whole(5, 7), draw.whole(2, 4)
    i, j = _grid(t)
    full, causal = torch.ones(t, t, dtype=torch.bool), j <= i
    slips = {
        "token i sees only h_j with j <= i; a later h_j holds the query of a later token": _context(t, p, full, causal),
        "a token sees itself: j <= i": _context(t, p, j < i, j < i),
        "all tokens see all persistent tokens": torch.cat([full.tril()[:, :p], causal, causal], 1),
    }
    said = _mask(answer, (t, p + 2 * t), t, p)
    agree(said.double(), _context(t, p, causal, causal).double(), "the mask", _numbers(slips))


def _mac_property(answer: Answer, draw: Draw) -> None:
    t, p = draw.whole(4, 6), draw.whole(2, 3)
    said = _mask(answer, (t, p + 2 * t), t, p)
    for start, name in ((p, "h"), (p + t, "x")):
        ahead = said[:, start : start + t].triu(1)
        where = ahead.nonzero()
        token, later = where[0].tolist() if len(where) else [0, 0]
        text = "token {token} sees {name}_{later}: it would change when token {later} does"
        require(not ahead.any(), text, token=token, name=name, later=later)
    counts = said.sum(1)
    wanted = p + 2 * torch.arange(1, t + 1)
    require(bool((counts == wanted).all()), "token i must see p persistent tokens, i + 1 of h and i + 1 of x")
    require(bool(_mask(answer, (1, 2), 1, 0).all()), "a segment of one token without persistent ones sees h and itself")


def _gated(y: Tensor, m: Tensor, a: Tensor, b: Tensor) -> Tensor:
    width = y.shape[-1:]
    return rms_norm(y, width, a, eps=1e-6) * silu(rms_norm(m, width, b, eps=1e-6))


def _product_value(answer: Answer, draw: Draw) -> None:
    y, m, a, b = draw.normal(5, 4), draw.normal(5, 4), draw.between(0.5, 2.0, 4), draw.between(0.5, 2.0, 4)
    y[3], m[4] = 1e-3 * y[3], 1e-3 * m[4]  # so small that 1e-6 under the root counts
    slips = {
        "the memory is the gate: silu acts on norm(m), not on norm(y)": _gated(m, y, b, a),
        "both branches are normed, m as well": rms_norm(y, (4,), a, eps=1e-6) * silu(m * b),
        "the gate is silu(x) = x * sigmoid(x), not a sigmoid": rms_norm(y, (4,), a, eps=1e-6)
        * torch.sigmoid(rms_norm(m, (4,), b, eps=1e-6)),
        "an RMS norm does not subtract the mean": layer_norm(y, (4,), a, eps=1e-6)
        * silu(layer_norm(m, (4,), b, eps=1e-6)),
        "the learned vectors are missing": _gated(y, m, torch.ones(4).double(), torch.ones(4).double()),
    }
    agree(answer.tensor((5, 4), y, m, a, b), _gated(y, m, a, b), "the product", slips, tolerance=1e-5)


def _product_property(answer: Answer, draw: Draw) -> None:
    y, m, one = draw.normal(5, 4), draw.normal(5, 4), torch.ones(4, dtype=torch.float64)
    said = answer.tensor((5, 4), y, m, one, one)
    scaled = answer.tensor((5, 4), 100 * y, m, one, one)
    agree(scaled, said, "a norm forgets size, so 100 y gives the same; it", tolerance=1e-4)
    changed = y.clone()
    changed[4] = 3 * changed[4] + 1
    after = answer.tensor((5, 4), changed, m, one, one)
    moved = ((said - after).abs().amax(1) > CLOSE)[:4]
    text = "token {token} changed when token 4 did: norm each token over dim=-1"
    require(not moved.any(), text, token=_first(moved))
    silent = answer.tensor((5, 4), y, torch.zeros_like(m), one, one)
    agree(silent, torch.zeros(5, 4), "a memory that says 0 shuts the gate, so the product")


NEAR, FAR, PAIRS, KEYS = 3, 40, 2, 8  # fillers in training and beyond it; pairs of a sequence; keys, and values
TRAINED = ("W_K", "W_V", "w", "b")


def _sequences(random: Draw, count: int, gap: int) -> tuple[Tensor, Tensor]:
    """Ids (count, t) of key, value, key, value, fillers and one of the keys; the value that belongs to it (count,)."""
    keys = random.between(0, 1, count, KEYS).argsort(1)[:, :PAIRS]
    values, fillers = (random.between(0, 1, count, n) for n in (PAIRS, gap))
    values, fillers = KEYS + (KEYS * values).long(), 2 * KEYS + (4 * fillers).long()
    asked = (PAIRS * random.between(0, 1, count, 1)).long()
    pairs = torch.stack([keys, values], 2).flatten(1)
    return torch.cat([pairs, fillers, keys.gather(1, asked)], 1), values.gather(1, asked)[:, 0]


def _recall(trained: tuple[Tensor, ...], embed: Tensor, ids: Tensor) -> Tensor:
    """The value (n,) that the memory names after it has read ids (n, t)."""
    W_K, W_V, w, b = trained
    x = embed[ids]
    keys, values = normalize(x @ W_K.T, dim=-1), x @ W_V.T
    theta = torch.sigmoid(torch.cat([x[:, :-1], x[:, 1:]], -1) @ w + b)
    M = x.new_zeros(len(x), x.shape[-1], x.shape[-1])
    for t in range(1, x.shape[1]):
        error = torch.einsum("noi,ni->no", M, keys[:, t - 1]) - values[:, t]
        M = M - torch.einsum("n,no,ni->noi", theta[:, t - 1], error, keys[:, t - 1])
    return (torch.einsum("noi,ni->no", M, keys[:, -1]) @ embed.T).argmax(-1)


def _train(answer: Answer, draw: Draw, gap: int, least: float) -> None:
    d, seed = 16, draw.whole(0, 10**6)
    embed = normalize(draw.normal(3 * KEYS - 4, d) + 1.5 * draw.normal(1, d), dim=-1)  # tokens resemble one another
    random, stream = Draw(seed), Draw(seed + 1)
    said = answer.several(4, embed, lambda n: _sequences(stream, n, NEAR))
    shapes = ((d, d), (d, d), (2 * d,), ())
    trained = tuple(as_tensor(part, shape, name) for part, shape, name in zip(said, shapes, TRAINED, strict=True))
    ids, values = _sequences(random, 300, gap)
    share = (_recall(trained, embed.double(), ids) == values).double().mean().item()
    asked = "was it trained on the values that belong to the keys, on new sequences at every step, through the writes?"
    text = "after {gap} fillers {share:.0%} of new answers are right, not {least:.0%}: {asked}"
    require(share > least, text, gap=gap, share=share, least=least, asked=Message(asked))


def _train_value(answer: Answer, draw: Draw) -> None:
    _train(answer, draw, NEAR, 0.9)


def _train_property(answer: Answer, draw: Draw) -> None:
    _train(answer, draw, FAR, 0.85)


check_window_mask = Exercise(
    "window_mask", 5, "the mask of a sliding window", (2, 2), 2, 8, _window_value, _window_property,
    (
        "Make two ranges, one as a column (i, the token that looks) and one as a row (j, the one looked at).",
        "Two conditions: j is not ahead of i, and not before the window. A comparison gives the whole matrix at once.",
        "`&` joins two masks. Try w = 1, where a token sees itself alone, and w = t, where just the future is out.",
    ),
)  # fmt: skip
check_mac_mask = Exercise(
    "mac_mask", 5, "what a token of MAC may see", (2, 2), 3, 10, _mac_value, _mac_property,
    (
        "Columns are [persistent | h | x]. Which of the three depend on a later token?",
        "h_j is what memory said to token j, asked with a query of token j. So who may look at h_j?",
        "Three blocks side by side: torch.cat along the columns. Which are full, and which have a triangle?",
    ),
)  # fmt: skip
check_gated_product = Exercise(
    "gated_product", 5, "MAG's gated product", (2, 2), 3, 12, _product_value, _product_property,
    (
        "norm(x) = weight * x / sqrt(mean of x^2 over the features + 1e-6); the output is norm(y) * silu(norm(m)).",
        "The mean runs over dim=-1 with keepdim=True, so that every token is normed by itself.",
        "torch.nn.functional has the norm, with weight and eps, and the silu. Which of the two branches is the gate?",
    ),
)  # fmt: skip
check_train_memory = Exercise(
    "train_memory", 5, "train a memory through its writes", (2, 2), 5, 25, _train_value, _train_property,
    (
        "First write the read alone: ids in, scores out. Print its shapes before you train anything.",
        "Make a new M at every token (no in-place change, no detach), so that backward reaches W_K through all writes.",
        "Cross-entropy of the scores (times 5 or so) on a new batch each step, Adam at 0.03: a hundred steps do.",
    ),
    seconds=12.0,
)  # fmt: skip

EXERCISES = (check_window_mask, check_mac_mask, check_gated_product, check_train_memory)
