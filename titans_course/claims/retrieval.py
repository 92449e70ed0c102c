"""The claim on retrieval (RAG): an exact nearest-neighbour search over the same keys, beside a memory.

In a stream of facts every token is one: a random key of norm 1 with one of 32 values, and a question is a key with
noise. Retrieval keeps all keys and answers with the value of the nearest; the memory writes each pair once and answers
from its weights. In a stream of filler a trained model reads eight facts, and both use that model's own keys.
"""

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import normalize

from titans_mini.config import MemoryConfig
from titans_mini.memory.chunk import Fast, TitansRule, Tokens, run_chunks
from titans_mini.memory.gates import ConstantGate, initial_gate_state
from titans_mini.memory.mlp import apply_memory, initial_weights
from titans_mini.messages import Message
from titans_mini.models.model import TitansLM
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import make_batch

from .claim import Claim, Judged, Way
from .finding import Figures, Size, grade, spreads
from .models import recall

WIDTH, VALUES, NOISE = 64, 32, 1.5  # NOISE: norm of what a question adds to a key
QUESTIONS = 1000
LENGTHS = (100, 1000, 10_000, 100_000)  # tokens; the claim's own is the last
STEPS = (1, 2, 4, 8, 16)  # look-ups of a chain, each asked with the answer of the one before
THETAS = (0.1, 0.3)  # step sizes of the memory; the better counts
CHUNK = 16
STRAIGHT = 0.1  # allowed distance of the share of right chains from an exact power


def measure_rag(size: Size) -> Figures:
    """Errors of retrieval and of a memory by length of a stream of facts, of chains of look-ups, and over filler."""
    lengths = [length for length in LENGTHS if length <= size.stream]
    with one_thread(), torch.inference_mode():
        rows = [_errors(lengths, seed) for seed in size.all_seeds]
        found = few_facts(load_model("recall-lmm"), size)
    return spreads(rows) | {"longest": lengths[-1]} | found


def _errors(lengths: list[int], seed: int) -> dict[str, float]:
    """Shares of wrong answers for each number of facts, and of right chains among the most facts."""
    row = {}
    for n in lengths:
        keys, values, asked, noisy = make_facts(n, seed)
        row[f"error_retrieval_{n}"] = (values[_nearest(noisy, keys)] != values[asked]).float().mean().item()
        row[f"error_memory_{n}"] = memory_error(keys, values, asked, noisy, seed)
    return row | {f"chain_{steps}": _chain(keys, steps, seed) for steps in STEPS}


def _nearest(noisy: Tensor, keys: Tensor) -> Tensor:
    """(q,): the place of the key (n, d) nearest to each question (q, d); keys have norm 1."""
    return torch.cat([(part @ keys.T).argmax(1) for part in noisy.split(100)])


def make_facts(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(keys (n, d), values (n,), the places of the facts asked for, the questions (q, d)), all seeded."""
    generator = torch.Generator().manual_seed(seed)
    keys = normalize(torch.randn(count, WIDTH, generator=generator), dim=1)
    values = torch.randint(0, VALUES, (count,), generator=generator)
    asked = torch.randint(0, count, (QUESTIONS,), generator=generator)
    return keys, values, asked, keys[asked] + _noise(QUESTIONS, generator)


def _noise(count: int, generator: torch.Generator) -> Tensor:
    return NOISE * normalize(torch.randn(count, WIDTH, generator=generator), dim=1)


def memory_error(keys: Tensor, values: Tensor, asked: Tensor, noisy: Tensor, seed: int) -> float:
    """Share of wrong values of a two-layer memory that was written once per fact, at the better of two step sizes."""
    codes = normalize(torch.randn(VALUES, WIDTH, generator=torch.Generator().manual_seed(seed)), dim=1)
    shares = []
    for theta in THETAS:
        rule = TitansRule(ConstantGate(theta=theta, eta=0.0, alpha=0.0), clip=1.0)
        weights = initial_weights(MemoryConfig(dim=WIDTH), torch.Generator().manual_seed(seed))
        weights = tuple(layer.reshape(1, *layer.shape[-2:]) for layer in weights)
        fast = Fast(weights, tuple(map(torch.zeros_like, weights)), initial_gate_state(1, weights[0]))
        tokens = Tokens(keys.unsqueeze(0), codes[values].unsqueeze(0))
        _, fast, _ = run_chunks(fast, tokens, rule, CHUNK)
        said = apply_memory(fast.weights, noisy.unsqueeze(0), rule.activation)[0]
        shares.append(((said @ codes.T).argmax(1) != values[asked]).float().mean().item())
    return min(shares)


def _chain(keys: Tensor, steps: int, seed: int) -> float:
    """Share of chains of look-ups that never miss: each step asks for the key found, with fresh noise."""
    generator = torch.Generator().manual_seed(1000 + seed)
    true = torch.randint(0, len(keys), (steps, QUESTIONS), generator=generator)
    right = torch.ones(QUESTIONS, dtype=torch.bool)
    for places in true:
        noisy = keys[places] + _noise(QUESTIONS, generator)
        right &= _nearest(noisy, keys) == places
    return right.float().mean().item()


def few_facts(lm: TitansLM, size: Size) -> Figures:
    """Eight facts, then filler: share recalled by the trained memory, and share found by a search over the same keys.

    A search is right where the nearest key of all tokens read belongs to the fact asked for; the layer that does it
    best counts.
    """
    batch = make_batch("recall_once", size.rows, size.gap, torch.Generator().manual_seed(1234))
    seen: dict[int, tuple] = {}
    memories = [layer.mixer.memory for layer in lm.layers]
    hooks = [
        memory.register_forward_pre_hook(lambda module, given, place=place: seen.update({place: given}))
        for place, memory in enumerate(memories)
    ]
    lm(batch.ids)
    for hook in hooks:
        hook.remove()
    first = batch.ask.float().argmax(1).min() - 1  # where the questions begin
    facts, asked = batch.ids[:, :16:2], batch.ids[:, first::2]  # (b, 8) keys stated and asked
    shares = []
    for place, memory in enumerate(memories):
        x, state = seen[place]
        tokens, _ = memory._project(x, state.conv)
        near = torch.einsum("btd,bqd->bqt", tokens.keys[:, :first], tokens.queries[:, first::2]).argmax(2)  # (b, 8)
        told = (facts.unsqueeze(1) == asked.unsqueeze(2)).float().argmax(2)  # which fact each question is about
        shares.append((near // 2 == told).float().mean().item())
    return {"filler": size.gap, "found_in_filler": max(shares), "recalled_in_filler": recall(lm, size)}


def judge_length(figures: Figures) -> Judged:
    """Holds if each tenfold length multiplies the error by more than the one before it did."""
    keys = {length: f"error_retrieval_{length}" for length in LENGTHS if f"error_retrieval_{length}" in figures}
    errors = {length: max(figures[key].mean, 1 / QUESTIONS) for length, key in keys.items()}
    factors = [longer / shorter for shorter, longer in pairwise(errors.values())]
    told = Message(
        "wrong answers of an exact search, by the number of facts: {lengths}",
        lengths=", ".join(f"{length:,}: {error:.1%}" for length, error in errors.items()),
    )
    return Judged(grade(all(a < b for a, b in pairwise(factors))), told, tuple(keys.values()))


def judge_chain(figures: Figures) -> Judged:
    """Holds if a chain is right as often as one look-up to the power of its steps, within 0.1."""
    shares = {steps: figures[f"chain_{steps}"].mean for steps in STEPS}
    power = all(abs(share - shares[1] ** steps) <= STRAIGHT for steps, share in shares.items())
    told = Message(
        "chains of look-ups that are right to the end, by the number of steps: {steps}",
        steps=", ".join(f"{steps}: {share:.1%}" for steps, share in shares.items()),
    )
    return Judged(grade(power and shares[1] < 1), told, tuple(f"chain_{steps}" for steps in STEPS))


def judge_memory(figures: Figures) -> Judged:
    """Parts: it errs less in the longest stream, where every token is a fact; it errs less over filler."""
    keys = (f"error_memory_{figures['longest']}", f"error_retrieval_{figures['longest']}")
    memory, search = (figures[key].mean for key in keys)
    told = Message(
        "of {longest:,} facts a memory names {memory:.1%} wrongly and a search {search:.1%}; of 8 facts before "
        "{filler:,} tokens of filler a trained memory recalls {recalled_in_filler:.1%}, and a search over its own keys "
        "finds {found_in_filler:.1%}",
        **figures, memory=memory, search=search,
    )  # fmt: skip
    ahead = figures["recalled_in_filler"] > figures["found_in_filler"]
    others = ("longest", "filler", "recalled_in_filler", "found_in_filler")
    return Judged(grade(memory < search, ahead), told, (*keys, *others))


RAG = Claim(
    key="rag", section="1",
    claim="When a task needs causal reasoning across 100,000 tokens, retrieval error is amplified exponentially",
    claim_zh="当任务需要跨 10 万 token 做因果推理时,检索误差会指数级放大。",
    measure=measure_rag,
    readings={
        "length": Way("the error of one look-up grows exponentially with the number of facts kept", judge_length),
        "chain": Way(
            "reasoning is a chain of look-ups, and the share of chains without an error falls exponentially",
            judge_chain,
        ),
        "memory": Way("a memory inside the model errs less than a search over the same keys", judge_memory),
    },
)  # fmt: skip
