"""Claims on trained models: what each variant is for, and forgetting that is tied to writing."""

import copy
from functools import partial

import torch
from torch import Tensor, nn

from titans_mini.config import SimulationConfig
from titans_mini.memory.state import Record
from titans_mini.messages import Message
from titans_mini.models.model import TitansLM
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import load_model
from titans_mini.training.evaluate import PIECE, evaluate
from titans_mini.training.tasks import make_batch

from ..studies.timing import medians
from .claim import TITANS, Claim, Judged, Way
from .finding import Figures, Size, grade, spreads

ORDER = ("mac", "mag", "mal")  # best first, and slowest first; recipe: 2.3
VARIANTS = ("lmm", *ORDER)
# Recall task -> where its facts lie; see training.tasks.LAYOUTS.
TOLD = {"once": "facts at the very start", "late": "facts after 1,024 other tokens", "groups": "facts in two groups"}
CLOSED = 0.01  # a gate below this is closed
MARGIN = 0.02  # of an accuracy: a smaller difference does not count
FASTER = 1.05  # ratio of two times: a smaller difference does not count


def recall(lm: TitansLM, size: Size, gap: int | None = None, told: str = "once") -> float:
    """Share of the facts that a model recalls `gap` tokens (default: the size's) after reading them."""
    return evaluate(lm, f"recall_{told}", size.gap if gap is None else gap, rows=size.rows)["accuracy"]


def measure_uses(size: Size) -> Figures:
    """Recall over a gap of facts presented in three ways, and the time of a token and a passage relative to MAL."""
    models = {name: load_model(f"recall-{name}") for name in ORDER}
    figures: Figures = {"gap": size.gap}
    for way in TOLD:
        figures |= {f"recall_{way}_{name}": recall(lm, size, told=way) for name, lm in models.items()}
    ids = make_batch("recall_once", 1, 480, torch.Generator().manual_seed(0)).ids  # (1, 512)
    with torch.inference_mode(), one_thread():
        states = {name: lm(ids)[1] for name, lm in models.items()}
        step = medians({name: lambda n=name: models[n](ids[:, :1], states[n]) for name in ORDER}, size.rounds)
        passage = medians({name: lambda n=name: models[n](ids) for name in ORDER}, size.rounds)
    for name in ORDER[:-1]:
        figures[f"step_{name}_over_mal"] = step[name] / step["mal"]
        figures[f"passage_{name}_over_mal"] = passage[name] / passage["mal"]
    return figures


def judge_recall(way: str, figures: Figures) -> Judged:
    """Holds if MAC recalls more than both others over the gap."""
    keys = {name: f"recall_{way}_{name}" for name in ORDER}
    recalls = {name: figures[key] for name, key in keys.items()}
    told = Message(
        "{where}, recall after {gap:,} more tokens: MAC {mac:.1%}, MAG {mag:.1%}, MAL {mal:.1%}",
        where=Message(TOLD[way]), gap=figures["gap"], **recalls,
    )  # fmt: skip
    ahead = recalls["mac"] > max(recalls["mag"], recalls["mal"]) + MARGIN
    return Judged(grade(ahead), told, ("gap", *keys.values()))


def judge_latency(figures: Figures) -> Judged:
    """Parts: one token takes MAL less time than both others; it takes MAG less than MAC."""
    keys = tuple(f"{what}_{name}_over_mal" for what in ("step", "passage") for name in ORDER[:-1])
    mac, mag, *_ = (figures[key] for key in keys)
    told = Message(
        "time of one token over MAL's: MAC {step_mac_over_mal:.2f}, MAG {step_mag_over_mal:.2f}; of a passage of 512: "
        "MAC {passage_mac_over_mal:.2f}, MAG {passage_mag_over_mal:.2f}",
        **figures,
    )
    return Judged(grade(min(mac, mag) > FASTER, mac > FASTER * mag), told, keys)


USES = Claim(
    key="uses", section="2.3", source=TITANS,
    claim="Conclusion: prefer MAC for fine-grained look-back; MAL where latency matters; MAG is in between",
    claim_zh="结论:需要细粒度回溯优先选 MAC;延迟敏感选 MAL;MAG 居中。",
    papers="needles at 16K: MAC 98.4/97.4/95.2, MAG 97.4/98.6/88.2, MAL 97.8/96.4/90.4; MAL trains fastest (a figure)",
    measure=measure_uses,
    readings={
        **{way: Way(f"MAC looks back best: {where}", partial(judge_recall, way)) for way, where in TOLD.items()},
        "latency": Way("MAL has the lowest latency, and MAG lies between it and MAC", judge_latency),
    },
)  # fmt: skip


class TiedGate(nn.Module):
    """A trained gate whose forgetting is the recipe's: alpha = lam * (1 - g_write). Recipe: 2.2."""

    def __init__(self, gate: nn.Module, lam: float) -> None:
        super().__init__()
        self.gate, self.lam, self.features = gate, lam, gate.features

    def forward(self, raw, features, state):
        """The gate's own decision, with another alpha."""
        gates, state = self.gate(raw, features, state)
        alpha = self.lam * (1 - gates.g_write)
        return gates._replace(alpha=alpha, g_forget=1 - gates.g_write), state

    def project(self, x):
        """The gate's own features."""
        return self.gate.project(x)


def opened(lm: TitansLM, size: Size) -> tuple[Tensor, Tensor]:
    """g_write and alpha of all memories at each token of the sequences that `recall` reads, each in one dimension."""
    ids = make_batch("recall_once", size.rows, size.gap, torch.Generator().manual_seed(1234)).ids  # as `evaluate` does
    records: list[Record] = []
    state = None
    with torch.inference_mode():
        for piece in ids.split(PIECE, dim=1):
            _, state = lm(piece, state, trace=records)
    gates = [record.gates for record in records]
    return torch.cat([each.g_write.flatten() for each in gates]), torch.cat([each.alpha.flatten() for each in gates])


def tie(lm: TitansLM, lam: float) -> TitansLM:
    """A copy whose gates are tied."""
    lm = copy.deepcopy(lm)
    for layer in lm.layers:
        memory = layer.mixer.memory
        layer.mixer.memory = memory.with_rule(memory.rule._replace(gate=TiedGate(memory.gate, lam)))
    return lm


def measure_forget(size: Size) -> Figures:
    """Recall of trained models with their own and with tied gates; how much their own forget at unwritten tokens."""
    rows = []
    for name in VARIANTS:
        lm = load_model(f"recall-{name}")
        write, forget = opened(lm, size)
        tied = recall(tie(lm, SimulationConfig().lam), size)
        unwritten = forget[write < CLOSED].mean().item()
        rows.append({"recall_own": recall(lm, size), "recall_tied": tied, "forget_unwritten": unwritten})
    return spreads(rows) | {"gap": size.gap}


def judge_forget(figures: Figures) -> Judged:
    """Parts: trained gates forget where they do not write; a tied gate recalls as well as the model's own."""
    forgotten, own, tied = (figures[key].mean for key in ("forget_unwritten", "recall_own", "recall_tied"))
    told = Message(
        "four trained models, free to choose, forget a share {forgotten:.1g} of the memory at a token that they do not "
        "write; after {gap:,} tokens they recall {own:.0%}, and {tied:.0%} once forgetting is tied to writing at "
        "lambda 1e-4, which they were not trained with",
        forgotten=forgotten, gap=figures["gap"], own=own, tied=tied,
    )  # fmt: skip
    return Judged(grade(forgotten > 1e-5, tied >= own - MARGIN), told)


FORGET = Claim(
    key="forget", section="2.2", source=TITANS,
    claim="g_forget = 1 - g_write (adaptive weight decay, prevents the memory from overflowing)",
    claim_zh="g_forget = 1 - g_write(自适应权重衰减,防止记忆溢出)",
    papers="alpha_t is a gate of its own, learned for each token (eq. 13)",
    measure=measure_forget, judged=judge_forget,
)  # fmt: skip
