"""Wrong steps, with the signature of `rule.general_step`, and wrong parts of a rule."""

import torch

from titans_mini.miras.algorithm import ALGORITHMS
from titans_mini.miras.rule import general_step
from titans_mini.miras.steps import Algorithm, at_start, descend


def _with_update(rule, change):
    """The rule with each token's update changed."""

    def update(grad, slots, theta, eta):
        moved, slots = rule.algorithm.update(grad, slots, theta, eta)
        return change(moved), slots

    return rule._replace(algorithm=rule.algorithm._replace(update=update))


def ascent(fast, tokens, rule):
    """Steps up the inner loss."""
    return general_step(fast, tokens, _with_update(rule, torch.neg))


def no_write(fast, tokens, rule):
    """Only forgets."""
    return general_step(fast, tokens, _with_update(rule, torch.zeros_like))


def end_of_chunk_read(fast, tokens, rule):
    """Answers every query by the memory after the chunk's last write."""
    _, after, record = general_step(fast, tokens, rule)
    return rule.answer(after.weights, tokens.queries), after, record


def rows_mixed(fast, tokens, rule):
    """One update for all rows: their mean."""
    return general_step(fast, tokens, _with_update(rule, lambda moved: moved.mean(0, keepdim=True).expand_as(moved)))


def values_detached(fast, tokens, rule):
    """Cuts the outer model's gradient in the values."""
    return general_step(fast, tokens._replace(values=tokens.values.detach()), rule)


def start_detached(fast, tokens, rule):
    """Cuts the outer model's gradient in the start weights."""
    weights = tuple(weight.detach().requires_grad_() for weight in fast.weights)
    return general_step(fast._replace(weights=weights), tokens, rule)


def noise_shared_by_rows(fast, tokens, rule):
    """Every row gets the first row's noise."""
    *slots, keys = fast.momentum
    return general_step(fast._replace(momentum=(*slots, keys[:1].expand_as(keys))), tokens, rule)


def noise_from_the_global_generator(fast, tokens, rule):
    """Noise that depends on who else draws."""
    *slots, keys = fast.momentum
    drawn = torch.stack([torch.randint(2**62, (len(keys),)), keys[:, 1]], dim=1)
    return general_step(fast._replace(momentum=(*slots, drawn)), tokens, rule)


def undecayed_gated_delta(fast, tokens, rule):
    """Gated DeltaNet with its error on the memory before it decays."""
    return general_step(fast, tokens, rule._replace(algorithm=Algorithm(at_start, descend)))


def explicit_implicit(fast, tokens, rule):
    """The implicit step without its denominator."""
    return general_step(fast, tokens, rule._replace(algorithm=ALGORITHMS["gated_delta"].build(None)))


def one_gradient_many_times(fast, tokens, rule):
    """Several steps along the first gradient."""
    steps = 3  # the default
    algorithm = rule.algorithm._replace(gradient=lambda scene: tuple(grad * steps for grad in scene.first))
    return general_step(fast, tokens, rule._replace(algorithm=algorithm))


def momentum_forgotten(fast, tokens, rule):
    """Every chunk starts with empty slots."""
    return general_step(fast._replace(momentum=tuple(map(torch.zeros_like, fast.momentum))), tokens, rule)


def unclipped_noise(fast, tokens, rule):
    """Adds the noise and leaves each gradient as large as it is."""
    scale = rule.retention.sigma * rule.clip / 1e9
    return general_step(fast, tokens, rule._replace(clip=1e9, retention=rule.retention._replace(sigma=scale)))
