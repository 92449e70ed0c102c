"""Tell it, distract it, ask it: a trained model is told codes, reads other tokens, and is asked in each memory mode.

What was measured before is shown at once, without a model. What is measured live lives in the session: the model's
states after each telling, so that the last telling can be rolled back.
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

import parts
import streamlit as st
import weights
from streamlit.delta_generator import DeltaGenerator
from texts import say

from titans_course.studies import telling
from titans_course.studies.reading import CHANCE
from titans_mini.threads import one_thread

STYLE = f"<style>{Path(__file__).with_name('tell.css').read_text('utf8')}</style>"
SAMPLE, GAP = ", ".join(f"{key} = {value}" for key, value in telling.FACTS.items()), 1024
FACT = re.compile(r"(\d{1,2})\s*[=:＝：→]\s*(\d{1,2})")
MOST, TOP = 4, 31  # facts, and the largest number of a locker or a code
SNAPSHOTS = 3  # that a session keeps; one takes 1.8 MB


class Told(NamedTuple):
    """What a session holds: the question it belongs to, the states after each telling, and what is answered now."""

    question: tuple
    talks: list[telling.Talk]
    view: dict


def show_card(hidden: frozenset[str], variant: str = "mag") -> None:
    """The card, with the recall model of a variant; nothing where the link hides it or there is no such model."""
    card = weights.cards("recall").get(variant)
    if "tell" in hidden or card is None:
        return
    st.html(STYLE)
    with st.container(border=True, key="tell_card"):
        left, right = st.columns([10, 9], gap="medium")
        with left:
            parts.heading("tell")
            facts, gap = _inputs()
            pressed, tape = _buttons(facts), st.empty()
        with right, parts.in_one_line():
            view = _find(variant, card, facts, gap, pressed, tape)
            st.html(_table(view))
            tape.html(_tape(view) or "<span></span>")


def _inputs() -> tuple[dict[int, int], int]:
    """The facts and the length of the distraction."""
    first, second = st.columns(2, gap="small")
    text = first.text_input(
        say("tell_facts"), SAMPLE, max_chars=60, key="tell_facts", help=say("tell_facts?"), persist_state="session"
    )
    gap = second.select_slider(
        say("tell_gap"), telling.GAPS, GAP, key="tell_gap", help=say("tell_gap?"), format_func="{:,}".format,
        persist_state="session",
    )  # fmt: skip
    facts = {int(key): int(value) for key, value in FACT.findall(text)}
    rest = re.sub(r"[\s,;,;、]", "", FACT.sub("", text))
    if rest or not 1 <= len(facts) <= MOST or max([*facts, *facts.values()]) > TOP:
        first.error(say("tell_bad", most=MOST, top=TOP))
        facts = dict(telling.FACTS)
    return facts, gap


def _buttons(facts: dict[int, int]) -> str | None:
    """The name of the button that was pressed."""
    key, told = next(iter(facts)), st.session_state.get("tell_told")
    talks = told.talks if told else []
    code = talks[-1].told.get(key, facts[key]) if talks else facts[key]
    with st.container(horizontal=True, gap="small"):
        pressed = {"live": parts.button("tell_live", icon="play_arrow")}
        label = say("tell_again", key=key, value=_other(code))
        pressed["anew"] = parts.button("tell_anew", label=label, disabled=len(talks) == SNAPSHOTS)
        pressed["back"] = parts.button("tell_back", icon="undo")
        parts.button("tell_reset", _reset)
    return next((name for name, down in pressed.items() if down), None)


def _reset() -> None:
    """Callback: the card as it opened."""
    st.session_state.update(tell_facts=SAMPLE, tell_gap=GAP, tell_told=None)


def _stop(question: tuple) -> None:
    """Callback: what was being measured is not measured again until the visitor asks for it."""
    st.session_state.tell_stopped = question


def _other(code: int) -> int:
    return (code + 5) % (TOP + 1)


def _find(variant: str, card: dict, facts: dict, gap: int, pressed: str | None, place: DeltaGenerator) -> dict:
    """What the model answers: kept from before where nothing else was asked for, else measured now."""
    question = variant, card.get("weights_sha256"), tuple(facts.items()), gap
    state, sample = st.session_state, facts == telling.FACTS
    told: Told | None = state.get("tell_told")
    told = told if told and told.question == question else None
    kept = telling.kept("tell", f"recall-{variant}", card) if sample else None
    if pressed is None and told:
        return told.view
    if pressed is None and kept:
        return {"wanted": facts, "how": say("tell_kept"), **kept[str(gap)]}
    trained = None
    if pressed or not sample and state.get("tell_stopped") != question:
        trained = weights.find("recall", variant, quiet=True)
    if trained is None:
        return {"wanted": facts, "how": say("tell_nothing")}
    lm, began, talks = trained.lm, time.perf_counter(), list(told.talks) if told else []
    if pressed == "back":
        talks = talks[:-1]
    elif pressed != "anew" or not told:
        talks = [_read(lm, facts, gap, None, place, question)]
    if pressed == "anew":
        key = next(iter(facts))
        again = {key: _other(talks[-1].told.get(key, facts[key]) if talks else facts[key])}
        talks.append(_read(lm, again, gap, talks[-1] if talks else None, place, question))
    talk = talks[-1] if talks else telling.blank(lm)
    how = say("tell_rolled" if pressed == "back" else "tell_now", seconds=time.perf_counter() - began)
    view = {"wanted": facts | talk.told, "how": how, **telling.report(lm, talk, facts)}
    state.tell_told = Told(question, talks, view)
    return view


def _read(lm, facts: dict, gap: int, talk: telling.Talk | None, place: DeltaGenerator, question: tuple) -> telling.Talk:
    """Reads facts and the distraction, with a bar and a button that stops it."""
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0)
        parts.button("stop", _stop, question, icon="stop", key="tell_stop")
    with one_thread():
        steps = telling.tell(lm, facts, gap, talk)
        while True:
            share, found = next(steps)
            if found is not None:
                return found
            bar.progress(share, say("tell_reading", count=gap))


def _table(view: dict) -> str:
    """The answers in each mode as a table, each marked with a sign and, for screen readers, a word."""
    keys, modes = view["wanted"], view.get("said", {})
    head = "".join(
        f"<th scope='col'>{say('tell_locker', key=key)}<br><b>{value}</b></th>" for key, value in keys.items()
    )
    rows = []
    for mode, said in modes.items():
        right = [answer == wanted for answer, wanted in zip(said, keys.values(), strict=True)]
        cells = "".join(_cell(answer, good) for answer, good in zip(said, right, strict=True))
        share = say("tell_right", right=sum(right), count=len(right))
        rows.append(f"<tr><th scope='row'>{say(f'tell={mode}')}</th>{cells}<td>{share}</td></tr>")
    share, trainings = weights.recall_without()
    if trainings:
        line = say("tell_without", share=share, trainings=trainings, chance=CHANCE)
        rows.append(f"<tr><th scope='row'>{say('tell=without')}</th><td colspan='{len(keys) + 1}'>{line}</td></tr>")
    head = f"<thead><tr><td><small>{view['how']}</small></td>{head}<td></td></tr></thead>"
    return f"<div class='told'><table>{head}<tbody>{''.join(rows)}</tbody></table></div>"


def _cell(answer: int, good: bool) -> str:
    name, sign = ("right", "✓") if good else ("wrong", "✗")
    shown = answer if 0 <= answer <= TOP else "?"
    return f"<td class='{name}'>{shown} {sign}<span class='unseen'> {say(f'tell={name}')}</span></td>"


def _tape(view: dict) -> str:
    """The first tokens that were read: surprise above, what the gate let through below; then all in words."""
    if not view.get("surprise"):
        return ""
    marks = zip(view["surprise"], view["gate"], strict=True)
    bars = "".join(f"<i style='--surprise:{raw};--gate:{gate}'></i>" for raw, gate in marks)
    (told, count), (facts, others) = view["tokens"], view["writes"]
    words = say("tell_wrote", told=told, count=count, facts=facts, others=others)
    picture = f"<div role='img' aria-label='{say('tell_tape')}'>{bars}</div>"
    return f"<div class='told-tape'>{picture}<small>{words}</small></div>"
