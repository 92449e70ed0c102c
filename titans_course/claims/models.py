"""Claims on trained models: what each variant is for, and forgetting that is tied to writing."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import torch
from torch import nn

from titans_mini.config import SimulationConfig
from titans_mini.memory.gates import Gates
from titans_mini.models.model import TitansLM
from titans_mini.threads import one_thread
from titans_mini.timing import medians
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import make_batch

from .finding import Figures, Finding, Reading, Size, Spread, grade, weigh

ORDER = ("mac", "mag", "mal")  # best first, and slowest first; recipe: 2.3
# Recall task -> where its facts lie; see training.tasks.LAYOUTS.
TOLD = {
    "once": "facts at the very start",
    "late": "facts after 1,024 other tokens",
    "groups": "facts in two groups",
}
CLOSED = 0.01  # a gate below this is closed
WATCHED = ("g_write", "alpha")  # fields of Gates
MARGIN = 0.02  # of an accuracy: less is no difference
FASTER = 1.05  # ratio of two times: less is no difference


def measure_uses(size: Size) -> Figures:
    """Recall over a gap of facts told in three ways, and the time of one token and of a passage against MAL's."""
    models = {name: load_model(f"recall-{name}") for name in ORDER}
    figures: Figures = {"gap": size.gap}
    for way in TOLD:
        for name, lm in models.items():
            figures[f"recall_{way}_{name}"] = evaluate(lm, f"recall_{way}", size.gap, rows=size.rows)["accuracy"]
    ids = make_batch("recall_once", 1, 480, torch.Generator().manual_seed(0)).ids  # (1, 512)
    with torch.inference_mode(), one_thread():
        states = {name: lm(ids)[1] for name, lm in models.items()}
        step = medians({name: lambda n=name: models[n](ids[:, :1], states[n]) for name in ORDER}, size.rounds)
        passage = medians({name: lambda n=name: models[n](ids) for name in ORDER}, size.rounds)
    for name in ORDER[:-1]:
        figures[f"step_{name}_over_mal"] = step[name] / step["mal"]
        figures[f"passage_{name}_over_mal"] = passage[name] / passage["mal"]
    return figures


def _read_recall(way: str, figures: Figures) -> Reading:
    """Holds if MAC recalls more than both others."""
    keys = {name: f"recall_{way}_{name}" for name in ORDER}
    mac, *others = (figures[key] for key in keys.values())
    recalls = ", ".join(f"{name.upper()} {figures[key]:.1%}" for name, key in keys.items())
    told = f"{TOLD[way]}, recall after {figures['gap']:,} more tokens: {recalls}"
    return Reading(way, grade(mac > max(others) + MARGIN), told, ("gap", *keys.values()))


def _read_latency(figures: Figures) -> Reading:
    """Holds if MAL takes less time a token than both others and MAG less than MAC."""
    mac, mag = figures["step_mac_over_mal"], figures["step_mag_over_mal"]
    told = (
        f"time of one token over MAL's: MAC {mac:.2f}, MAG {mag:.2f}; of a passage of 512: "
        f"MAC {figures['passage_mac_over_mal']:.2f}, MAG {figures['passage_mag_over_mal']:.2f}"
    )
    kept = tuple(f"{what}_{name}_over_mal" for what in ("step", "passage") for name in ORDER[:-1])
    return Reading("latency", grade(min(mac, mag) > FASTER, mac > FASTER * mag), told, kept)


def judge_uses(figures: Figures) -> Finding:
    """Holds if every reading does, in part if some reading does, at least in part."""
    return weigh(figures, *(_read_recall(way, figures) for way in TOLD), _read_latency(figures))


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
            found["recall_own"].append(evaluate(lm, "recall_once", size.gap, rows=size.rows)["accuracy"])
        write, forget = (torch.cat([getattr(gates, part).flatten() for gates in opened]) for part in WATCHED)
        found["forget_unwritten"].append(forget[write < CLOSED].mean().item())
        tied = tie(lm, SimulationConfig().lam)
        found["recall_tied"].append(evaluate(tied, "recall_once", size.gap, rows=size.rows)["accuracy"])
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
