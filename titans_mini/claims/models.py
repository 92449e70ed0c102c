"""Claims on trained models: the order of the variants, what each is for, and forgetting that is tied to writing."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from ..config import SimulationConfig
from ..errors import ConfigError
from ..memory.gates import Gates
from ..models.model import TitansLM
from ..threads import one_thread
from ..timing import medians
from ..training.checkpoint import BUNDLED, load_model
from ..training.evaluate import evaluate
from ..training.tasks import make_batch
from .finding import UNTESTED, Figures, Finding, Size, Spread, grade

ORDER = ("mac", "mag", "mal")  # best first, and slowest first; recipe: 2.3
LENGTH = 2048  # bytes of held-out text over which a card tells the bits
CLOSED = 0.01  # a gate below this is closed
WATCHED = ("g_write", "alpha")  # fields of Gates
MARGIN = 0.02  # of an accuracy: less is no difference
FASTER = 1.05  # ratio of two times: less is no difference


def read_cards(folder: str | None) -> dict[str, dict[int, dict]]:
    """Variant -> seed -> card, of the bundled text models and of the finished runs `text-VARIANT-SEED` in `folder`.

    Raises ConfigError where a card cannot be read or a run was trained otherwise than the bundled models.
    """
    paths = [BUNDLED / f"text-{variant}.json" for variant in ORDER]
    if folder is not None:
        if not Path(folder).is_dir():
            raise ConfigError(f"runs must be a folder of training runs, not {folder!r}")
        paths += sorted(path for path in Path(folder).glob("text-*-*/model.json"))
    cards: dict[str, dict[int, dict]] = {}
    wanted = None
    for path in paths:
        try:
            card = json.loads(path.read_text("utf-8"))
            variant, seed, made = card["model"]["variant"], card["training"]["seed"], _made(card)
            _bits(card)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ConfigError(f"runs: {str(path)!r} is not the card of a text model: {error!r}") from None
        wanted = wanted or made
        if made != wanted:
            raise ConfigError(f"runs: {str(path)!r} was trained otherwise than the bundled text models")
        cards.setdefault(variant, {})[seed] = card
    return cards


def _made(card: dict) -> dict:
    """All that made a model, but for its variant and seed."""
    model, training = dict(card["model"]), dict(card["training"])
    del model["variant"], training["seed"], training["save_every"]
    return {"model": model, "training": training}


def _bits(card: dict) -> float:
    """Bits per byte of held-out text, with the memory on."""
    return [row["bits"] for row in card["results"] if (row["size"], row["memory"]) == (LENGTH, "on")][0]


def measure_order(size: Size) -> Figures:
    """Bits per byte of each variant, and how much more the next in the claimed order costs, over common seeds."""
    cards = read_cards(size.runs)
    seeds = sorted(set.intersection(*(set(cards[variant]) for variant in ORDER)))
    bits = {name: [_bits(card) for _, card in sorted(by_seed.items())] for name, by_seed in cards.items()}
    figures: Figures = {f"bits_{name}": Spread.of(values) for name, values in bits.items()}
    for first, second in zip(ORDER, ORDER[1:], strict=False):
        costs = [_bits(cards[second][seed]) - _bits(cards[first][seed]) for seed in seeds]
        figures[f"{second}_minus_{first}"] = Spread.of(costs)
    return figures | {"seeds": len(seeds)}


def judge_order(figures: Figures) -> Finding:
    """From one seed nothing. Parts: the claimed order in every seed; MAC better than MAL on average.

    The order alone is judged, of small models; the claimed perplexities are of models that are not here.
    """
    steps = [figures["mag_minus_mac"], figures["mal_minus_mag"]]
    order = sorted((name for name in figures if name.startswith("bits_")), key=lambda name: figures[name].mean)
    told = "the perplexities at 760M cannot be run here; models of 0.2M parameters on text, bits per byte: "
    told += ", ".join(f"{name.removeprefix('bits_').upper()} {figures[name]}" for name in order)
    if figures["seeds"] < 2:
        return Finding(UNTESTED, figures, told + "; of one seed, so the noise is unknown and no order is proved")
    verdict = grade(all(step.low > 0 for step in steps), sum(step.mean for step in steps) > 0)
    return Finding(verdict, figures, f"{told}; judged is the order over {figures['seeds']} seeds")


def measure_uses(size: Size) -> Figures:
    """Recall over a long gap, and the time of one token and of a passage, each against MAL's; models of recall."""
    models = {name: load_model(f"recall-{name}") for name in ORDER}
    figures: Figures = {"gap": size.gap}
    for name, lm in models.items():
        figures[f"recall_{name}"] = evaluate(lm, "recall", size.gap, rows=size.rows)["accuracy"]
    ids = make_batch("recall", 1, 480, torch.Generator().manual_seed(0)).ids  # (1, 512)
    with torch.inference_mode(), one_thread():
        states = {name: lm(ids)[1] for name, lm in models.items()}
        step = medians({name: lambda n=name: models[n](ids[:, :1], states[n]) for name in ORDER}, size.rounds)
        passage = medians({name: lambda n=name: models[n](ids) for name in ORDER}, size.rounds)
    for name in ORDER[:-1]:
        figures[f"step_{name}_over_mal"] = step[name] / step["mal"]
        figures[f"passage_{name}_over_mal"] = passage[name] / passage["mal"]
    return figures


def judge_uses(figures: Figures) -> Finding:
    """Parts: MAC recalls more than both others over the gap; MAL takes less time a token than both others."""
    others = max(figures["recall_mag"], figures["recall_mal"])
    fastest = min(figures["step_mac_over_mal"], figures["step_mag_over_mal"]) > FASTER
    recalls, steps = (
        ", ".join(f"{name.upper()} {figures[form.format(name)]:{kind}}" for name in names)
        for form, kind, names in (("recall_{}", ".1%", ORDER), ("step_{}_over_mal", ".2f", ORDER[:-1]))
    )
    told = (
        f"recall after {figures['gap']:,} tokens: {recalls}; time of one token over MAL's: {steps}; of a passage of "
        f"512: MAC {figures['passage_mac_over_mal']:.2f}, MAG {figures['passage_mag_over_mal']:.2f}"
    )
    return Finding(grade(figures["recall_mac"] > others + MARGIN, fastest), figures, told)


class TiedGate(nn.Module):
    """A trained gate whose forgetting is the recipe's: alpha = lam * (1 - g_write). Recipe: 2.2."""

    def __init__(self, gate: nn.Module, lam: float) -> None:
        super().__init__()
        self.gate, self.lam, self.features = gate, lam, gate.features

    def forward(self, raw, features, state, valid=None):
        """As the gate's own, with another alpha."""
        gates, state = self.gate(raw, features, state, valid)
        alpha = self.lam * (1 - gates.g_write)
        return gates._replace(alpha=alpha, g_forget=1 - gates.g_write), state

    def project(self, x):
        """The gate's own features."""
        return self.gate.project(x)


@contextlib.contextmanager
def watch_gates(lm: TitansLM) -> Iterator[list[Gates]]:
    """Collects what each memory's gate decides as the model runs."""
    opened: list[Gates] = []
    memories = [layer.mixer.memory for layer in lm.layers]
    hooks = [part.gate.register_forward_hook(lambda module, given, made: opened.append(made[0])) for part in memories]
    try:
        yield opened
    finally:
        for hook in hooks:
            hook.remove()


def tie(lm: TitansLM, lam: float) -> TitansLM:
    """A copy whose gates are tied."""
    lm = copy.deepcopy(lm)
    for layer in lm.layers:
        layer.mixer.memory.gate = TiedGate(layer.mixer.memory.gate, lam)
    return lm


def measure_forget(size: Size) -> Figures:
    """Recall of trained models with their own gates and with tied ones; what their own do at tokens not written."""
    found: dict[str, list[float]] = {"recall_own": [], "recall_tied": [], "forget_unwritten": []}
    for name in ("lmm", *ORDER):
        lm = load_model(f"recall-{name}")
        with watch_gates(lm) as opened:
            found["recall_own"].append(evaluate(lm, "recall", size.gap, rows=size.rows)["accuracy"])
        write, forget = (torch.cat([getattr(gates, part).flatten() for gates in opened]) for part in WATCHED)
        found["forget_unwritten"].append(forget[write < CLOSED].mean().item())
        tied = tie(lm, SimulationConfig().lam)
        found["recall_tied"].append(evaluate(tied, "recall", size.gap, rows=size.rows)["accuracy"])
    return {name: Spread.of(values) for name, values in found.items()} | {"gap": size.gap}


def judge_forget(figures: Figures) -> Finding:
    """Parts: trained gates forget where they do not write; a tied gate recalls as well as the model's own."""
    tied, own = figures["recall_tied"], figures["recall_own"]
    told = (
        f"four trained models, free to choose, forget a share {figures['forget_unwritten'].mean:.1g} of the memory at "
        f"a token that they do not write; after {figures['gap']:,} tokens they recall {own.mean:.0%}, and "
        f"{tied.mean:.0%} once forgetting is tied to writing at lambda 1e-4, which they were not trained with"
    )
    return Finding(grade(figures["forget_unwritten"].mean > 1e-5, tied.mean >= own.mean - MARGIN), figures, told)
