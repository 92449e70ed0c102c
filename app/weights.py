"""The bundled trained weights, found by name and read once for all visitors; nothing modifies them."""

import contextlib
from pathlib import Path
from typing import NamedTuple

import streamlit as st
from texts import plain, quoted, say

from titans_course.studies.controls import CONTROLS, RECALL_CONTROL, is_control, read_seeds
from titans_mini import TitansLM
from titans_mini.errors import ConfigError
from titans_mini.models.config import VARIANT_NAMES
from titans_mini.training import checkpoint
from titans_mini.training.tasks import TASKS

UNREADABLE = (ConfigError, OSError, LookupError, TypeError)  # what a missing or damaged file raises


class Weights(NamedTuple):
    """A model that reads one task's tokens, its card, and a key that changes with the file."""

    lm: TitansLM
    card: dict
    key: tuple

    @property
    def name(self) -> str:
        """The name of its file."""
        return Path(self.key[0]).stem

    @property
    def trained_on(self) -> int | None:
        """The length of its training sequences, where the card says it."""
        size = self.card.get("training", {}).get("size")
        return size if isinstance(size, int) and size > 1 else None


def find(task: str, variant: str, *, quiet: bool = False) -> Weights | None:
    """The model `task-variant`, or the first whose name begins like that; else one line says what is missing.

    A line describes the model, unless `quiet`.
    """
    name = f"{task}-{variant}"
    names = checkpoint.bundled_names()
    fitting = [other for other in names if other == name or other.startswith(name + "-")]
    if not fitting:
        others = ", ".join(plain(n) for n in names if n.startswith(task + "-")) or say("no_weights_any")
        st.info(say("no_weights", name=plain(name), variant=variant.upper(), others=others))
        return None
    try:
        found = _open(fitting[0])
        lm = found.lm
        wanted = TASKS.get(task, TASKS["text"]).vocab_size  # conv-* read text too
        if lm.config.vocab_size != wanted:
            text = "they have a vocabulary of {size}, not {wanted}"
            raise ConfigError(text, size=lm.config.vocab_size, wanted=wanted)
    except UNREADABLE as error:
        st.error(say("bad_weights", name=plain(fitting[0]), error=quoted(error)))
        return None
    if not quiet:
        st.caption(_describe(fitting[0], found.card, lm))
    return found


def controls() -> dict[str, Weights]:
    """The bundled text models trained without memory, by what they share with the others.

    A missing or unreadable one is left out, since the models themselves can still be shown.
    """
    found = {}
    for name, file in CONTROLS.items():
        with contextlib.suppress(*UNREADABLE):
            trained = _open(file)
            if is_control(trained.card) and trained.lm.config.vocab_size == TASKS["text"].vocab_size:
                found[name] = trained
    return found


def recall_control() -> dict[str, dict]:
    """The card of the recall model trained without memory, as `controls` names it; empty where there is none."""
    try:
        found = [card for card in read_seeds(RECALL_CONTROL) if is_control(card)]
    except ConfigError:
        return {}
    return {"same steps": found[0]} if found else {}


def without_memory(name: str, measure: str, **wanted: object) -> list[float]:
    """A measure of the models of this name that were trained without memory, from the results that hold `wanted`."""
    try:
        found = [row for card in read_seeds(name) if is_control(card) for row in card.get("results") or ()]
    except ConfigError:
        return []
    return [row[measure] for row in found if wanted.items() <= row.items() and measure in row]


def cards(task: str) -> dict[str, dict]:
    """The cards of the bundled models `task-VARIANT` by variant; one that is missing or damaged is left out."""
    found = {}
    for variant in VARIANT_NAMES:
        with contextlib.suppress(*UNREADABLE):
            found[variant] = checkpoint.read_card(f"{task}-{variant}")
    return found


def _open(name: str) -> Weights:
    """The weights of a name, read again when they or their card change. Raises OSError where one is missing."""
    path = checkpoint.BUNDLED / f"{name}.safetensors"
    key = str(path), path.stat().st_mtime_ns, path.with_suffix(".json").stat().st_mtime_ns
    card, lm = _load(name, key)
    return Weights(lm, card, key)


@st.cache_resource(max_entries=12, show_spinner=False)
def _load(name: str, key: tuple) -> tuple[dict, TitansLM]:
    return checkpoint.read_card(name), checkpoint.load_model(name).requires_grad_(False)


def _describe(name: str, card: dict, lm: TitansLM) -> str:
    size = sum(parameter.numel() for parameter in lm.parameters())
    steps, tokens = card.get("training", {}).get("steps"), card.get("tokens")
    if isinstance(steps, int) and isinstance(tokens, int):
        return say("card", name=plain(name), parameters=size, steps=f"{steps:,}", tokens=f"{tokens:,}")
    return say("card_short", name=plain(name), parameters=size)
