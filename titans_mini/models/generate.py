"""Generation one token at a time; the memory writes both what it reads and what it says."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import ConfigError, check_integer, check_number
from .model import ModelState, TitansLM


def choose(
    logits: Tensor, generator: torch.Generator | None, *, temperature=1.0, top_k: int | None = None, min_p=0.0
) -> Tensor:
    """logits (b, vocab) -> (b,) token ids, drawn on the CPU. Temperature 0 is greedy.

    `top_k` keeps the k likeliest tokens; `min_p` keeps those at least that share as likely as the likeliest.
    """
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits - logits.amax(-1, keepdim=True)  # the likeliest stays 0 at any temperature, however small
    logits = (logits.double() / temperature).to(logits.dtype)
    if top_k is not None:
        least = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    chances = logits.softmax(-1)
    if min_p > 0:
        chances = chances.masked_fill(chances < min_p * chances.amax(-1, keepdim=True), 0)
    return torch.multinomial(chances.cpu(), 1, generator=generator).squeeze(-1).to(logits.device)


@torch.inference_mode()
def steps(
    lm: TitansLM,
    prompt: Tensor,
    tokens: int,
    *,
    state: ModelState | None = None,
    memory: str = "on",
    seed: int = 0,
    **sampling,
) -> Iterator[tuple[Tensor, ModelState]]:
    """Like `generate`, but yields (ids (b,), state) after each token."""
    check_integer("tokens", tokens, 1, 1_000_000)
    seed = check_integer("seed", seed, 0, 2**63 - 1)
    check_number("temperature", sampling.get("temperature", 1.0), 0, 100)
    check_number("min_p", sampling.get("min_p", 0.0), 0, 1)
    if sampling.get("top_k") is not None:
        check_integer("top_k", sampling["top_k"], 1, lm.config.vocab_size)
    if sampling.keys() - {"temperature", "top_k", "min_p"}:
        raise ConfigError("sampling knows only temperature, top_k and min_p")
    generator, given = torch.Generator().manual_seed(seed), prompt.to(lm.head.weight.device)
    for _ in range(tokens):
        logits, state = lm(given, state, memory=memory)
        given = choose(logits[:, -1], generator, **sampling).unsqueeze(-1)
        yield given[:, 0], state


def generate(lm: TitansLM, prompt: Tensor, tokens: int, **options) -> tuple[Tensor, ModelState]:
    """prompt (b, t) int64 -> (ids (b, tokens) that follow it, state).

    `options`: state to continue from, memory mode, seed, and temperature, top_k, min_p of `choose`. The state has read
    the prompt and all but the last of the new ids, so that `generate(lm, ids[:, -1:], n, state=state)` continues
    without reading a token twice.
    """
    ids, states = zip(*steps(lm, prompt, tokens, **options), strict=True)
    return torch.stack(ids, dim=1), states[-1]
