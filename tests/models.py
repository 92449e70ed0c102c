"""Small language models of every kind, and the properties that each of them and no mutant has."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from titans_mini import TitansConfig, TitansLM
from titans_mini.memory.tree import tensors
from titans_mini.miras import PRESETS

VOCABULARY = 11
VARIANTS = ("lmm", "mac", "mag", "mal")
CONTEXTS = dict(memory_depth=1, memory_heads=2, reach=(2, 3), key_width=16, copy=True, momentum=False)
KINDS: dict[str, dict] = {
    **{variant: dict(variant=variant) for variant in VARIANTS},
    **{f"{variant}_surprise": dict(variant=variant, gate="surprise") for variant in VARIANTS},
    **{f"{variant}_linear": dict(variant=variant, memory_depth=1) for variant in VARIANTS},
    **{f"{variant}_deep": dict(variant=variant, memory_depth=4, memory_heads=2) for variant in VARIANTS},
    **{f"{variant}_contexts": dict(variant=variant, **CONTEXTS) for variant in VARIANTS},
    "contexts_surprise": dict(variant="mag", gate="surprise", **{**CONTEXTS, "momentum": True}),
    "some_layers": dict(variant="mag", layers=4, memory_layers=(1, 3)),
    **{f"{variant}_previous": dict(variant=variant, memory_input="previous") for variant in ("lmm", "mag", "mal")},
    "wide_window": dict(variant="mal", window=7),
    "one_token_window": dict(variant="mag", window=1, chunk=1),
}


RULE_KINDS = {
    f"{variant}_{rule}": dict(variant=variant, memory_rule=rule, layers=1)
    for rule in PRESETS
    if rule != "titans"
    for variant in VARIANTS
}


def make_model(kind: str, model: type[TitansLM] = TitansLM, seed: int = 0) -> TitansLM:
    """A seeded float64 model of dim 8 with chunk 4."""
    torch.manual_seed(seed)
    base = dict(vocab_size=VOCABULARY, dim=8, layers=2, heads=2, window=4, chunk=4, persistent=2)
    lm = model(TitansConfig(**{**base, **(KINDS | RULE_KINDS)[kind]})).double()
    for name, parameter in lm.named_parameters():
        if ".start." in name and not parameter.any():  # a memory that knows nothing answers as one that is off
            torch.nn.init.normal_(parameter, std=0.1)
    return lm


def make_ids(length: int, *, rows: int = 3, seed: int = 1) -> Tensor:
    """(rows, length) random ids; all rows differ."""
    return torch.randint(0, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed))


def check_equal(found, wanted) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


EVERYWHERE = range(1, 14)
SOME = (1, 5, 8)  # within a chunk of 4, and at its end


def check_future(lm: TitansLM, cuts: Iterable[int] = EVERYWHERE, **options) -> None:
    """Logits before token t are the same whatever comes from t on."""
    ids, other = make_ids(14), make_ids(14, seed=2)
    logits, _ = lm(ids, **options)
    for t in cuts:
        changed = torch.cat([ids[:, :t], other[:, t:]], dim=1)
        check_equal(lm(changed, **options)[0][:, :t], logits[:, :t])


def check_rows(lm: TitansLM, **options) -> None:
    """A row of a varied batch is that row alone."""
    ids = make_ids(14)
    logits, _ = lm(ids, **options)
    for row in range(len(ids)):
        check_equal(lm(ids[row : row + 1], **options)[0], logits[row : row + 1])


def check_parts(lm: TitansLM, cuts: Iterable[int] = EVERYWHERE, **options) -> None:
    """Any two parts, and one token at a time, give the logits and the state of the whole."""
    ids = make_ids(14)  # 3C + 2
    logits, state = lm(ids, **options)
    for cut in cuts:
        first, middle = lm(ids[:, :cut], **options)
        second, end = lm(ids[:, cut:], middle, **options)
        check_equal(torch.cat([first, second], dim=1), logits)
        check_equal(tuple(tensors(end)), tuple(tensors(state)))
    steps, end = [], None
    for t in range(14):
        step, end = lm(ids[:, t : t + 1], end, **options)
        steps.append(step)
    check_equal(torch.cat(steps, dim=1), logits)
    check_equal(tuple(tensors(end)), tuple(tensors(state)))


def check_reach(lm: TitansLM) -> None:
    """Every parameter gets a gradient that is finite and not zero."""
    lm(make_ids(16))[0].square().sum().backward()
    for name, parameter in lm.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def check_writes(lm: TitansLM) -> None:
    """What was written changes what is said: a memory that writes differs from one that keeps its start weights."""
    ids = make_ids(14)
    assert (lm(ids)[0] - lm(ids, memory="frozen")[0])[:, -1].abs().max() > 1e-6
