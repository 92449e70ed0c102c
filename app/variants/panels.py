"""The panels of masks and of trained models: loss per byte, recall against distance, generation.

Results are stored in the session by their settings, so nothing is computed twice and a stop loses no finished result.
"""

import codecs
import html
import math

import numpy as np
import parts
import shelf
import sources
import streamlit as st
import torch
import weights
from controls import show_row
from texts import option, say, speaker
from weights import Weights

from titans_course.figures import variants as figures_variants
from titans_course.studies import reading, telling
from titans_course.studies.controls import CONTROLS
from titans_course.studies.visibility import Visibility, measure
from titans_mini.data.scenarios import to_bytes
from titans_mini.models.model import MODES
from titans_mini.threads import one_thread
from titans_mini.training.tasks import text_bytes
from variants import controls as own
from variants import kept as stored

KEPT = 8  # readings; one of 10,000 bytes takes 240 kB
GAPS, LONG_GAPS = (64, 256, 1024, 4096), (16_384, 65_536)
MAX_PROMPT = 2000  # characters


def _buttons(*names: str) -> list[bool]:
    """Buttons in a row, of which the last stops what runs; returns which of the others was pressed."""
    with st.container(horizontal=True):
        pressed = [parts.button(name, key=f"{name}_button") for name in names]
        parts.button("stop", key=f"{names[0]}_stop", icon="stop")
    return pressed


@st.cache_data(max_entries=8, show_spinner=False)
def _measured(variant: str) -> Visibility:
    with one_thread():
        return measure(variant)


def mask(variant: str) -> None:
    """Who sees whom: the wiring of a layer, what was measured on one, and a line that explains the figures."""
    seen = _measured(variant)
    parts.heading("mask_title")
    first, middle, last = st.columns([10, 9, 10], gap="medium")
    with first:
        st.caption(say("wiring"))
        parts.draw(figures_variants.block_figure(variant, say=speaker()), "wiring", say("alt=wiring"))
    with middle:
        st.caption(say("attention_sees"))
        if seen.attention:
            parts.draw(figures_variants.attention_figure(seen, say=speaker()), "attention", say("alt=attention"))
        else:
            st.info(say("no_attention"))
    with last:
        st.caption(say("memory_sees"))
        parts.draw(figures_variants.writes_figure(seen, say=speaker()), "masks", say("alt=writes"))
    st.caption(say(f"mask={variant}"))


def bits(trained: Weights, hidden: frozenset[str]) -> None:
    """Bits per byte with the memory on, frozen and off, and of the models trained without memory."""
    controls = weights.controls()
    values = show_row(own.BITS, hidden)
    ids, name, note = _text(values)
    if note:
        st.warning(note)
    key = (trained.key, *(control.key for control in controls.values()), ids.numpy().tobytes())
    long = len(ids) > own.AT_ONCE
    if long and not any(_buttons("read")) and not shelf.holds("bits_kept", key):
        st.info(say("read_first", count=len(ids)))
        return
    with parts.in_one_line():
        found = shelf.fetch("bits_kept", key, lambda: _read(trained.lm, controls, ids), KEPT)
        st.caption(say("read_source", name=name, count=len(ids)))
        _show_bits(found, values["window"], trained.trained_on)


def _text(values: dict) -> tuple[torch.Tensor, str, str | None]:
    """(ids, their source as Markdown, a line if that is not the one asked for)."""
    note = None
    if values["reading"] == "paste":
        source, note = sources.choose("paste")
        if source.text is not None:
            return to_bytes(source.text)[: values["read_bytes"]], source.name, note
    start = values["from_byte"]
    return text_bytes(True)[start:][: values["read_bytes"]], say("held_out", start=start), note


def _read(lm, controls: dict[str, weights.Weights], ids: torch.Tensor) -> dict[str, np.ndarray]:
    """Bits by mode of the model, then by control, whose memory is off as it was in training."""
    bar, found = st.progress(0.0), {}
    runs = [(mode, lm, mode) for mode in MODES] + [(name, control.lm, "off") for name, control in controls.items()]
    with one_thread():
        for place, (name, model, mode) in enumerate(runs):
            pieces: list[np.ndarray] = []
            for piece in reading.read_bits(model, ids, memory=mode):
                pieces.append(piece)
                share = sum(map(len, pieces)) / (len(ids) - 1)
                bar.progress((place + share) / len(runs), say("reading_now", mode=say(f"bits={name}"), share=share))
            found[name] = np.concatenate(pieces)
    bar.empty()
    return found


def _show_bits(found: dict[str, np.ndarray], window: int, trained: int | None) -> None:
    against = {name: reading.compare(found["on"], found[name]) for name in found if name != "on"}
    means = {f"bits={name}": f"{values.mean():.3f}" for name, values in found.items()}
    parts.numbers(means, "bits_numbers", {f"bits={name}": _against(by) for name, by in against.items()})
    st.markdown(" ".join([*_judge(against), _by_length(found, trained), say("errors")]))
    parts.chart(figures_variants.bits_figure(found, window, trained=trained, say=speaker()), "bits")


def _against(by: reading.Difference) -> str:
    return say("against" if math.isfinite(by.error) else "against_short", value=by.mean, error=2 * by.error)


def _judge(against: dict[str, reading.Difference]) -> list[str]:
    """What the numbers support: the controls show what memory was worth; frozen and off only what the model lost."""
    beside = {name: by for name, by in against.items() if name in CONTROLS}
    lines = [say(f"beside={by.sign}", who=say(f"who={name}"), value=abs(by.mean)) for name, by in beside.items()]
    return [*(lines or [say("no_controls")]), say("torn", frozen=against["frozen"].mean, off=against["off"].mean)]


def _by_length(found: dict[str, np.ndarray], trained: int | None) -> str:
    """What the model loses frozen, within the length of the training sequences and past it."""
    gain = found["frozen"] - found["on"]
    if trained is None or trained >= len(gain):
        return ""
    return say("by_length", size=trained, within=gain[: trained - 1].mean(), past=gain[trained - 1 :].mean())


def distance(trained: Weights, hidden: frozenset[str]) -> None:
    """Recall accuracy over longer and longer gaps, in each mode of the memory."""
    stored.recall()
    rows = show_row(own.DISTANCE, hidden)["rows"]
    pressed = _buttons("measure", "longer")
    kept = st.session_state.setdefault("distance_kept", {}).setdefault((trained.key, rows), {})
    gaps = [gap for ask, some in zip(pressed, (GAPS, LONG_GAPS), strict=True) if ask for gap in some]
    with parts.in_one_line():
        _recall(trained.lm, rows, [(gap, mode) for gap in gaps for mode in MODES], kept)
    found = {mode: {gap: value for (gap, m), value in kept.items() if m == mode} for mode in MODES}
    if not any(found.values()):
        found, rows = _kept("distance", trained), own.ROWS
        found = {mode: {int(gap): value for gap, value in values.items()} for mode, values in found.items()}
    whole = sorted(set.intersection(*map(set, found.values()))) if found else []
    if not whole:
        st.caption(say("not_measured"))
        return
    drawn = {mode: values for mode, values in found.items() if values}
    parts.chart(figures_variants.distance_figure(drawn, say=speaker()), "distance")
    shares = ", ".join(f"{say(f'bits={mode}')} **{found[mode][whole[-1]]:.1%}**" for mode in MODES)
    line = say("recalled", gap=whole[-1], answers=8 * rows, shares=shares, chance=reading.CHANCE)
    config = trained.lm.config
    st.markdown(line if config.variant == "lmm" else f"{line} {say('window_sees', window=config.window)}")


def _kept(panel: str, trained: Weights) -> dict:
    """What was measured before of this panel and model, after a line that says so; empty where nothing was."""
    found = telling.kept(panel, trained.name, trained.card) or {}
    if found:
        st.caption(say("kept_before"))
    return found


def _recall(lm, rows: int, wanted: list[tuple[int, str]], kept: dict) -> None:
    """Fills `kept`, (gap, mode) -> accuracy, one after the other."""
    wanted = [pair for pair in wanted if pair not in kept]
    if not wanted:
        return
    bar, total, done = st.progress(0.0), sum(gap for gap, _ in wanted), 0
    with one_thread():
        for gap, mode in wanted:
            for share, accuracy in reading.recall_at(lm, gap, rows=rows, memory=mode):
                words = say("measuring", gap=gap, mode=say(f"bits={mode}"), share=share)
                bar.progress(min(1.0, (done + share * gap) / total), words)
                if accuracy is not None:
                    kept[gap, mode] = accuracy
            done += gap
    bar.empty()


def generation(trained: Weights, hidden: frozenset[str]) -> None:
    """Text from a prompt, byte by byte."""
    prompt = st.text_area(
        say("prompt"), say("prompt_sample"), height=80, max_chars=MAX_PROMPT, key="prompt", help=say("prompt?"),
        persist_state="session",
    )  # fmt: skip
    values = show_row(own.GENERATION, hidden)
    (asked,) = _buttons("generate")
    state, settings = st.session_state, (trained.key, prompt, tuple(values.items()))
    box, below = st.empty(), st.empty()
    if asked and not prompt:
        st.error(say("no_prompt"))
    elif asked:
        state.said = (settings, b"")
        with parts.in_one_line():
            _generate(trained.lm, settings, box)
    said = state.get("said")
    if said is None or said[0][0] != trained.key:
        if text := _kept("generation", trained).get(values["memory"]):
            _say(box, say("prompt_sample"), bytes.fromhex(text))
    else:
        _say(box, said[0][1], said[1])
        used = dict(said[0][2])
        words = {"count": len(said[1]), "memory": option("memory", used["memory"])}
        words |= {name: used[name] for name in ("temperature", "dice")}
        below.caption(f"{say('said' if said[0] == settings else 'said_before', **words)} {say('small')}")


def _generate(lm, settings: tuple, box) -> None:
    """Streams into `box`; the session holds the text so far, in case it is stopped."""
    prompt, values = settings[1], dict(settings[2])
    sampling = {name: values[name] for name in ("temperature", "top_k", "min_p", "memory")}
    made = bytearray()
    with one_thread():
        for token in reading.stream(lm, to_bytes(prompt), values["new_bytes"], seed=values["dice"], **sampling):
            made.append(token)
            st.session_state.said = (settings, bytes(made))
            _say(box, prompt, bytes(made))


def _say(box, prompt: str, made: bytes) -> None:
    """The prompt, faint, and the generated text; an incomplete character is held back."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(made)
    look = "height:auto;max-height:24rem;white-space:pre-wrap;font-family:monospace"
    shown = f'<span style="opacity:0.6">{html.escape(prompt)}</span>{html.escape(text)}'
    box.html(f'<div class="reading" dir="auto" style="{look}">{shown}</div>')
