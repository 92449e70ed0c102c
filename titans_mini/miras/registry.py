"""The design space as a table: what each knob offers, which pairs make no sense, and every combination that does."""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..errors import ConfigError, check_choice
from ..messages import Message
from .algorithm import ALGORITHMS
from .architecture import ARCHITECTURES
from .bias import BIASES, LEARNED
from .choice import Choice
from .gate import GATES
from .retention import LINEAR, MIRROR, RETENTIONS

KNOBS: dict[str, dict[str, Choice]] = {
    "architecture": ARCHITECTURES,
    "bias": BIASES,
    "retention": RETENTIONS,
    "algorithm": ALGORITHMS,
    "gate": GATES,
}


class Combination(NamedTuple):
    """One name for each knob."""

    architecture: str
    bias: str
    retention: str
    algorithm: str
    gate: str


OWN = {"statistics": "closed_form", "three": "self_modifying", "pair": "global_local"}  # architecture -> algorithm
OMEGA = ("omega", "omega_momentum", "omega_muon")
LATER = (*OMEGA, "delta_gd", "product", "levels", *OWN.values())  # what came after Titans

# What cannot be combined, and why.
REFUSALS: tuple[tuple[Callable[[Combination], bool], Message], ...] = (
    (
        lambda c: c.algorithm == "implicit" and (c.architecture != "matrix" or c.bias != "l2"),
        Message("algorithm implicit is a closed form, known only for architecture matrix with bias l2"),
    ),
    (
        lambda c: c.algorithm == "implicit" and c.retention not in LINEAR,
        Message("algorithm implicit solves for a memory that decays: retention none, decay or adaptive"),
    ),
    (
        lambda c: c.algorithm == "gated_delta" and c.retention not in ("decay", "adaptive"),
        Message("algorithm gated_delta starts from the decayed memory: retention decay or adaptive"),
    ),
    (
        lambda c: c.algorithm in ("muon", "omega_muon") and c.architecture in ("vector", "cnn"),
        Message("algorithm muon and omega_muon orthogonalise matrices: architecture matrix, mlp, quadratic or cubic"),
    ),
    (
        lambda c: c.retention in MIRROR and c.algorithm not in ("gd", "multistep"),
        Message("retention lq, lq_mirror, kl or sigmoid solves for plain gradients: algorithm gd or multistep"),
    ),
    (
        lambda c: c.retention == "elastic" and c.algorithm not in ("gd", "momentum", "multistep"),
        Message("retention elastic follows a step of one size for all weights: algorithm gd, momentum or multistep"),
    ),
    (
        lambda c: c.retention == "privacy" and c.algorithm in ("multistep", "implicit", "gated_delta"),
        Message("retention privacy pays for each look at a token: algorithm gd, momentum, adam, rmsprop or muon"),
    ),
    (
        lambda c: c.retention == "privacy" and c.gate != "constant",
        Message(
            "retention privacy hides a token's gradient, "
            "which a gate that looks at the token would betray: gate constant"
        ),
    ),
    (
        lambda c: (c.architecture in OWN or c.algorithm in OWN.values()) and OWN.get(c.architecture) != c.algorithm,
        Message(
            "statistics go with closed_form, three with self_modifying and pair with global_local, "
            "and with nothing else: architecture matrix with algorithm gd, for instance"
        ),
    ),
    (
        lambda c: c.algorithm in ("closed_form", "self_modifying") and c.bias != "l2",
        Message("algorithm closed_form and self_modifying are solved for the squared distance: bias l2"),
    ),
    (
        lambda c: c.algorithm in LATER and c.retention not in LINEAR,
        Message(
            "the algorithms that came after Titans were written for a memory that decays: "
            "retention none, decay or adaptive"
        ),
    ),
    (
        lambda c: c.algorithm in ("delta_gd", "product") and (c.architecture != "matrix" or c.bias != "l2"),
        Message("algorithm delta_gd and product turn one matrix by its keys: architecture matrix with bias l2"),
    ),
    (
        lambda c: c.algorithm == "product" and c.gate != "learned",
        Message("algorithm product makes its further pairs from the token: gate learned"),
    ),
    (
        lambda c: c.algorithm in OMEGA and c.architecture in ("vector", "cnn", "residual", "chain"),
        Message("algorithm omega is built for matrices and MLPs: architecture matrix, mlp, quadratic or cubic"),
    ),
    (
        lambda c: c.algorithm == "levels" and c.architecture not in ("matrix", "mlp", "chain"),
        Message("algorithm levels counts the layers of a chain: architecture matrix, mlp or chain"),
    ),
    (
        lambda c: c.gate == "channels" and (c.architecture != "matrix" or c.algorithm != "gd" or c.retention in MIRROR),
        Message(
            "gate channels scales the columns of one matrix that is kept as it is used: "
            "architecture matrix with algorithm gd and retention none, decay, adaptive or elastic"
        ),
    ),
    (
        lambda c: c.bias == LEARNED and c.gate != "learned",
        Message("bias yaad learns its threshold from the token, as gate learned does its numbers: gate learned"),
    ),
)  # fmt: skip


def reason(combination: Combination) -> Message | None:
    """Why these do not go together; None where they do."""
    return next((text for refused, text in REFUSALS if refused(combination)), None)


def check(combination: Combination) -> None:
    """Raises ConfigError for an unknown name, which lists the valid ones, and for names that do not go together."""
    for knob, name in combination._asdict().items():
        check_choice(knob, name, KNOBS[knob])
    why = reason(combination)
    if why is not None:
        raise ConfigError("{why}, not {names}", why=why, names=" + ".join(combination))


def repairs(combination: Combination) -> list[dict[str, str]]:
    """The smallest changes, knob -> name, that make a refused combination one that is allowed."""
    for many in range(1, len(KNOBS) + 1):
        found = [
            dict(zip(knobs, picked, strict=True))
            for knobs in itertools.combinations(KNOBS, many)
            for picked in itertools.product(*(KNOBS[knob] for knob in knobs))
            if reason(combination._replace(**dict(zip(knobs, picked, strict=True)))) is None
        ]
        if found:
            return found
    return []


def single_repairs(combination: Combination) -> dict[str, list[str]]:
    """Knob -> the names that each make a refused combination allowed; empty if it takes two changes."""
    by_knob: dict[str, list[str]] = {}
    for change in repairs(combination):
        if len(change) == 1:
            ((knob, name),) = change.items()
            by_knob.setdefault(knob, []).append(name)
    return by_knob


def combinations() -> Iterator[Combination]:
    """Every combination of names, sensible or not."""
    return (Combination(*names) for names in itertools.product(*KNOBS.values()))


def allowed() -> list[Combination]:
    """Every combination that can be built."""
    return [combination for combination in combinations() if reason(combination) is None]


def refused() -> list[tuple[Combination, Message]]:
    """Every combination that cannot, with the reason."""
    found = ((combination, reason(combination)) for combination in combinations())
    return [(combination, why) for combination, why in found if why is not None]


def table() -> list[dict[str, str]]:
    """A row for each choice: knob, name, what, formula, number (name, default and range) and reference."""
    rows = []
    for knob, choices in KNOBS.items():
        for name, choice in choices.items():
            number = choice.number
            words = ""
            if number is not None:
                words = Message("{name} = {default:g} ({low:g} to {high:g})", **number._asdict())
            fields = dict(what=choice.what, formula=choice.formula, number=words, reference=choice.reference)
            rows.append(dict(knob=knob, name=name) | fields)
    return rows
