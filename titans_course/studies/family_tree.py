"""The family as a tree: from which published memory each one comes, and in which line of one loop it differs.

The loop, for each token with key k and value v, where M(k) is what the memory says and W its weights:

    memory      y = M(k)                  architecture
    error       L(y, v)                   bias
    gradient    grad = dL / dW            chunk: of so many tokens, all at the W before them
    gate        theta, alpha              gate: step size and share forgotten
    step        u = -theta grad           algorithm
    retention   W = (1 - alpha) W + u     retention

TREE names a parent and a line; what changes there follows from the two presets. A parent is the preset that is nearest
in this loop. It need not be the one that the authors began with.
"""

import re
from typing import NamedTuple

from titans_mini.messages import Message
from titans_mini.miras import KNOBS, PRESETS

# Knob of the loop, in its order -> what the line is called, and the line as the first member has it.
LOOP: dict[str, tuple[Message, str]] = {
    "architecture": (Message("memory"), "y = M(k)"),
    "bias": (Message("error"), "L = -<y, v>"),
    "chunk": (Message("gradient"), "grad = dL/dW"),
    "gate": (Message("gates"), "theta, alpha"),
    "algorithm": (Message("step"), "u = -theta grad"),
    "retention": (Message("retention"), "W = W + u"),
}
# Member -> its parent, and the knob of the line that makes it; the first has none.
TREE: dict[str, tuple[str | None, str]] = {
    "linear_attention": (None, "bias"),
    "retnet": ("linear_attention", "retention"),
    "mamba2": ("retnet", "retention"),
    "gla": ("mamba2", "gate"),
    "rwkv7": ("gla", "bias"),
    "deltanet": ("linear_attention", "bias"),
    "ttt_linear": ("deltanet", "chunk"),
    "ttt_mlp": ("ttt_linear", "architecture"),
    "yaad": ("ttt_mlp", "bias"),
    "moneta": ("ttt_mlp", "bias"),
    "memora": ("ttt_mlp", "retention"),
    "gated_deltanet": ("deltanet", "algorithm"),
    "deltaproduct": ("gated_deltanet", "algorithm"),
    "mesa": ("gated_deltanet", "architecture"),
    "titans": ("gated_deltanet", "algorithm"),
    "titans_recipe": ("titans", "gate"),
    "omeganet": ("titans", "algorithm"),
    "atlas": ("omeganet", "algorithm"),
    "tnt": ("titans", "algorithm"),
    "cms": ("titans", "algorithm"),
    "hope": ("titans", "algorithm"),
}  # fmt: skip
SIGNS = {
    "theta": "θ", "alpha": "α", "delta(?!_gd)": "δ", "gamma": "γ", "eta": "η", "sigma": "σ", "grad": "∇",
    "sum_i": "Σ_i", "dL": "∂L", "dW": "∂W", r"\|\|": "‖", r"\^T": "ᵀ", r"\^2": "²", r"\^-1": "⁻¹",
    "<": "⟨", ">": "⟩", "-": "−",
}  # fmt: skip
CHUNK_LINE = "grad = dL/dW at the W before {chunk} tokens"
CHUNK = Message("the gradients of {chunk} tokens, all at the weights before them")


class Member(NamedTuple):
    """One member. `changes`: knob -> (the parent's choice, its own) for each line that differs, the chosen one too."""

    name: str
    parent: str | None
    depth: int  # in the tree; the first has 0
    line: str  # the knob of the line that makes it
    choice: str  # of that knob
    formula: str  # that line
    what: str | Message  # in words
    changes: dict[str, tuple[str, str]]
    year: int | None
    source: str


def members() -> list[Member]:
    """All members, each after its parent."""
    return [member(name) for name in TREE]


def member(name: str) -> Member:
    """A member of TREE by its name."""
    (parent, line), own = TREE[name], choices(name)
    formula, what = (
        f"grad = dL/dW at the W before {own['chunk']} tokens",
        Message(CHUNK.template, chunk=own["chunk"]),
    )
    if line != "chunk":
        formula, what = KNOBS[line][own[line]].formula, KNOBS[line][own[line]].what
    before = choices(parent) if parent else own
    changes = {knob: (before[knob], own[knob]) for knob in LOOP if before[knob] != own[knob]}
    source = PRESETS[name].reference
    dated = re.match(r"arXiv (\d\d)\d\d\.", source)  # which begins with the year and the month
    year = 2000 + int(dated[1]) if dated else None
    return Member(name, parent, _depth(name), line, own[line], formula, what, changes, year, source)


def choices(name: str) -> dict[str, str]:
    """Knob of LOOP -> the preset's choice, as text."""
    preset = PRESETS[name]
    return {knob: str(getattr(preset.config, knob, preset.memory_config().chunk)) for knob in LOOP}


def _depth(name: str) -> int:
    parent = TREE[name][0]
    return 0 if parent is None else 1 + _depth(parent)


def spelled(formula: str) -> str:
    """A formula with the signs that its words stand for."""
    for word, sign in SIGNS.items():
        formula = re.sub(rf"(?<![A-Za-z]){word}(?![a-z])" if word.isalpha() else word, sign, formula)
    return formula
