"""The bundled trained weights, found by name and read once for all visitors; nobody changes them."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import streamlit as st
from texts import plain, quoted, say

from titans_mini import TitansLM
from titans_mini.config import VARIANT_NAMES
from titans_mini.errors import ConfigError
from titans_mini.training import checkpoint
from titans_mini.training.controls import CONTROLS, RECALL_CONTROL, is_control
from titans_mini.training.tasks import TASKS


class Weights(NamedTuple):
    """A model that reads one task's tokens, its card, and a key that changes with the file."""

    lm: TitansLM
    card: dict
    key: tuple

    @property
    def trained_on(self) -> int | None:
        """The length of its training sequences, where the card says it."""
        size = self.card.get("training", {}).get("size")
        return size if isinstance(size, int) and size > 1 else None


def find(task: str, variant: str) -> Weights | None:
    """The model `task-variant`, or the first whose name begins like that; else one line says what is missing."""
    name = f"{task}-{variant}"
    names = checkpoint.bundled_names()
    fitting = [other for other in names if other == name or other.startswith(name + "-")]
    if not fitting:
        others = ", ".join(plain(n) for n in names if n.startswith(task + "-")) or say("no_weights_any")
        st.info(say("no_weights", name=plain(name), variant=variant.upper(), others=others))
        return None
    try:
        key = _key(fitting[0])
        card, lm = _load(fitting[0], key)
        if lm.config.vocab_size != TASKS[task].vocab_size:
            text = "they have a vocabulary of {size}, not {wanted}"
            raise ConfigError(text, size=lm.config.vocab_size, wanted=TASKS[task].vocab_size)
    except (ConfigError, OSError, LookupError, TypeError) as error:
        st.error(say("bad_weights", name=plain(fitting[0]), error=quoted(error)))
        return None
    st.caption(_describe(fitting[0], card, lm))
    return Weights(lm, card, key)


def controls() -> dict[str, Weights]:
    """The bundled text models trained without memory, by what they share with the others.

    One that is missing or cannot be read is left out, since the models themselves can still be shown.
    """
    found = {}
    for name, file in CONTROLS.items():
        try:
            key = _key(file)
            card, lm = _load(file, key)
        except (ConfigError, OSError, LookupError, TypeError):
            continue
        if is_control(card) and lm.config.vocab_size == TASKS["text"].vocab_size:
            found[name] = Weights(lm, card, key)
    return found


def recall_control() -> dict[str, dict]:
    """The card of the recall model trained without memory, as `controls` names it; empty where there is none."""
    try:
        found = [card for card in checkpoint.read_seeds(RECALL_CONTROL) if is_control(card)]
    except ConfigError:
        return {}
    return {"same steps": found[0]} if found else {}


def cards(task: str) -> dict[str, dict]:
    """The cards of the bundled models `task-VARIANT` by variant; one that is missing or damaged is left out."""
    found = {}
    for variant in VARIANT_NAMES:
        with contextlib.suppress(ConfigError, OSError, LookupError, TypeError):
            found[variant] = checkpoint.read_card(f"{task}-{variant}")
    return found


def _key(name: str) -> tuple:
    """What changes with the weights or with their card. Raises OSError where one of them is missing."""
    path = checkpoint.BUNDLED / f"{name}.safetensors"
    return str(path), path.stat().st_mtime_ns, path.with_suffix(".json").stat().st_mtime_ns


@st.cache_resource(max_entries=12, show_spinner=False)
def _load(name: str, key: tuple) -> tuple[dict, TitansLM]:
    return checkpoint.read_card(name), checkpoint.load_model(name).requires_grad_(False)


def _describe(name: str, card: dict, lm: TitansLM) -> str:
    size = sum(parameter.numel() for parameter in lm.parameters())
    steps, tokens = card.get("training", {}).get("steps"), card.get("tokens")
    if isinstance(steps, int) and isinstance(tokens, int):
        return say("card", name=plain(name), parameters=size, steps=f"{steps:,}", tokens=f"{tokens:,}")
    return say("card_short", name=plain(name), parameters=size)
