"""Wrong steps, with the signature of `builders.plain_step`."""

import torch
from builders import Changed, plain_step

from titans_mini.memory.mlp import apply_memory


def _changed(rule, **changes):
    """The rule with theta, eta or alpha changed after the gate has decided."""
    return rule._replace(
        gate=Changed(
            rule.gate,
            lambda gates: gates._replace(**{name: change(getattr(gates, name)) for name, change in changes.items()}),
        )
    )


def gradient_ascent(fast, tokens, rule):
    """Steps up the inner loss: the sign is wrong."""
    return plain_step(fast, tokens, _changed(rule, theta=lambda theta: -theta))


def end_of_chunk_read(fast, tokens, rule):
    """Answers every query from the memory after the chunk's last write."""
    _, after, record = plain_step(fast, tokens, rule)
    return apply_memory(after.weights, tokens.queries, rule.activation), after, record


def start_of_chunk_read(fast, tokens, rule):
    """Answers every query from the memory before the chunk's first write: a token does not see its own chunk."""
    _, after, record = plain_step(fast, tokens, rule)
    return apply_memory(fast.weights, tokens.queries, rule.activation), after, record


def gate_averaged_over_the_chunk(fast, tokens, rule):
    """One step size for all tokens of a chunk, which tells early tokens of late ones."""
    return plain_step(fast, tokens, _changed(rule, theta=lambda theta: theta.mean(-1, keepdim=True).expand_as(theta)))


def write_without_effect(fast, tokens, rule):
    """Computes the write and then keeps the old weights."""
    reads, after, record = plain_step(fast, tokens, rule)
    return reads, after._replace(weights=fast.weights), record


def decay_once_a_chunk(fast, tokens, rule):
    """Forgets at the chunk's last token alone."""
    return plain_step(fast, tokens, _changed(rule, alpha=lambda alpha: alpha * torch.eye(alpha.shape[-1])[-1]))


def decay_twice(fast, tokens, rule):
    """Forgets twice at each token."""
    return plain_step(fast, tokens, _changed(rule, alpha=lambda alpha: 1 - (1 - alpha) ** 2))


def momentum_dropped(fast, tokens, rule):
    """Every chunk starts without momentum."""
    still = tuple(torch.zeros_like(momentum) for momentum in fast.momentum)
    return plain_step(fast._replace(momentum=still), tokens, rule)


def clip_shared_by_the_chunk(fast, tokens, rule):
    """Bounds the chunk's tokens together, so that a step depends on how many tokens share its chunk."""
    return plain_step(fast, tokens, rule._replace(clip=rule.clip / tokens.keys.shape[1]))


def decays_to_the_chunks_start(fast, tokens, rule):
    """Forgets towards the weights of the chunk's start, not towards the rule's origin."""
    return plain_step(fast, tokens, rule._replace(origin=fast.weights))
