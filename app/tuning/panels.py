"""What the Tuning page shows of a search: its price, the verdict, tables, maps, noise, saving, and how to repeat it."""

import itertools
import math
from collections.abc import Callable

import controls
import parts
import streamlit as st
from controls import MAX_TOKENS
from texts import quoted, say, speaker, told

from titans_course.figures import tune as figures_tune
from titans_course.studies.tuning import command, settings_needed
from titans_mini.tune import TuneConfig, Tuning
from titans_mini.tune.store import setting_of, to_csv
from tuning import runs as tuning_runs

FILE = "titans_mini_tuning.csv"
IN_A_ROW = 3  # maps
CLAIM = 0.8  # saved, says the recipe article
FORMATS = dict.fromkeys(("mean", "spread", "behind"), "%.4f") | {
    "writes_per_1k": "%.1f", "seconds": "%.1f", "place": "%d", "depth": "%d", "lam": "%.1e",
}  # fmt: skip
ROW, MOST_ROWS = 35, 11  # pixels of a table's row, and rows shown at once, its head among them


def plan(config: TuneConfig, known: Tuning) -> None:
    """The price of the search against that of the full grid, in numbers, before it runs."""
    price, settings = config.cost(), len(config.settings())
    words = {
        "settings": settings, "tokens": config.tokens, "final": config.final_tokens, "seeds": config.seeds,
        "keep": min(config.keep, settings), "two": price.two_stage, "full": price.full, "saved": price.saved,
    }  # fmt: skip
    left = tuning_runs.seconds(config, known)
    numbers = {
        "tuning_updates": f"{price.two_stage:,}",
        "tuning_full": f"{price.full:,}",
        "tuning_saved": f"{price.saved:.0%}",
        "tuning_time": tuning_runs.spell(left) if left else say("time=none"),
    }
    parts.numbers(numbers, "tuning_numbers")
    st.markdown(say("cost" if config.two_stages else "cost=one", **words))


def show(known: Tuning, hidden: frozenset[str]) -> None:
    """The results of a search that was started, except what the link hides."""
    verdict = quoted(known.verdict(), 400).replace(" lam ", " lambda ")  # as Python spells it
    if known.complete:
        st.success(say("verdict=done", verdict=verdict))
    elif known.table("coarse"):
        st.info(say("verdict=part", verdict=verdict))
    else:
        st.info(say("verdict=none", count=len(known.rows)))
        return
    for name, draw in (("tables", _tables), ("maps", _maps), ("noise", _noise)):
        if name not in hidden:
            draw(known)


def below(config: TuneConfig, known: Tuning | None, hidden: frozenset[str]) -> None:
    """What needs no result: when two stages save how much, and the command; and the download of one."""
    if "saving" not in hidden and config.two_stages:
        parts.heading("saving")
        settings, keep = len(config.settings()), config.keep
        needed = settings_needed(CLAIM, config.tokens, config.final_tokens, keep)
        words = {"needed": needed, "limit": 1 - config.tokens / config.final_tokens, "claim": CLAIM}
        st.caption(say("saving=never" if needed is None else "saving=from", **words))
        most = max(60, math.ceil(1.2 * max(settings, needed or 0)))
        look = {"saved": CLAIM, "own": settings, "most": most, "height": 280, "say": speaker()}
        figure = figures_tune.saving_figure(config.tokens, config.final_tokens, keep, **look)
        parts.chart(figure, "saving", say("alt=tuning_saving"))
    if "command" not in hidden:
        parts.heading("tuning_command")
        st.code(command(config), language="bash", wrap_lines=True)
    if "downloads" not in hidden and known is not None and known.table("coarse"):
        lines = known.table("final") + known.table("coarse")
        parts.downloads({"tuning_csv": (FILE, "text/csv", lambda: to_csv(lines))}, title=None, note=None)


def _tables(known: Tuning) -> None:
    stages = {"final": known.config.final_tokens, "coarse": known.config.tokens}
    for stage in stages if known.config.two_stages else ("final",):
        lines = known.table(stage)
        if not lines:
            continue
        words = {"count": len(lines), "tokens": stages[stage], "all": len(known.config.settings())}
        parts.heading(f"table={stage}", **words)
        rows = [_row(place, line) for place, line in enumerate(lines, start=1)]
        height = 3 + ROW * min(MOST_ROWS, len(rows) + 1)
        parts.table(rows, f"{stage}_table", _columns(), height=height)


def _row(place: int, line: dict) -> dict:
    """A line of a table with its place and the Simulator's link of its setting."""
    tie = say("tie=best") if place == 1 else say(f"tie={line['tie']}")
    numbers = {name: line[name] for name in ("mean", "spread", "behind")}
    work = {name: line[name] for name in ("writes_per_1k", "seconds")}
    return {"place": place, **setting_of(line)._asdict(), **numbers, "tie": tie, **work, "open": simulator(line)}


def simulator(line: dict) -> str:
    """The link of the Simulator with a line's setting, on as much of its stream as fits there."""
    setting = setting_of(line)._asdict()
    values = {**setting, "stream": "text", "tokens": min(line["tokens"], MAX_TOKENS)}
    named = controls.CONTROLS
    parts = (f"{name}={named[name].spell(value)}" for name, value in values.items() if value != named[name].default)
    return "simulator?" + "&".join(parts)


def _columns() -> dict:
    kinds = st.column_config
    columns = {name: _column(kinds.NumberColumn, name, format=form) for name, form in FORMATS.items()}
    columns["tie"] = _column(kinds.TextColumn, "tie")
    columns["open"] = _column(kinds.LinkColumn, "open", display_text=say("open_simulator"))
    return columns


def _column(kind: Callable[..., dict], name: str, **look) -> dict:
    return kind(say(f"column={name}"), help=say(f"column={name}?"), **look)


def _maps(known: Tuning) -> None:
    lines, objective = known.table("coarse"), known.config.objective
    names = figures_tune.varied(lines)
    parts.heading("maps")
    if len(names) < 2:
        st.caption(say("no_maps"))
        return
    pairs = list(itertools.combinations(names, 2))
    for start in range(0, len(pairs), IN_A_ROW):
        for column, pair in zip(st.columns(IN_A_ROW, gap="medium"), pairs[start : start + IN_A_ROW], strict=False):
            with column:
                spelled = ", ".join(told(figures_tune.NAMES[name]) for name in pair)
                figure = figures_tune.heat_maps(lines, objective, pairs=[pair], height=270, say=speaker())
                parts.chart(figure, "_".join(("map", *pair)), say("alt=tuning_map", names=spelled))


def _noise(known: Tuning) -> None:
    stages = ("final", "coarse") if known.config.two_stages else ("final",)
    drawn = [stage for stage in stages if known.table(stage)]
    if not drawn:
        return
    parts.heading("noise_title")
    for stage, column in zip(drawn, st.columns(len(drawn), gap="medium"), strict=True):
        with column:
            tokens = known.config.tokens if stage == "coarse" else known.config.final_tokens
            st.caption(say("noise_stage", tokens=tokens))
            alt = say("alt=tuning_noise", tokens=tokens)
            figure = figures_tune.noise_figure(known, stage, short=True, height=320, say=speaker())
            parts.chart(figure, f"noise_{stage}", alt)
