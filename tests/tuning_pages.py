"""The Tuning page over a small grid, and what it shows."""

from __future__ import annotations

from pages import open_page
from pages import unbroken as sound

QUICK = {"taus": "0.1,0.5", "betas": "0.5", "lams": "0.0001,0.001", "depths": "1", "coarse_tokens": "100",
         "final_tokens": "200", "keep": "2", "seeds": "2"}  # fmt: skip


def start(**link: str):
    """The page as a link opens it, over a small grid and without charts unless the link says more."""
    return sound(open_page("tuning", {**QUICK, "hide": "maps,noise,saving", **link}))


def searched(app):
    app.button(key="run_button").click()
    return sound(app.run())


def boxes(app) -> list[str]:
    return [box.value for box in (*app.success, *app.info)]


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def charts(app) -> set[str]:
    return {chart.proto.id.rsplit("-", 1)[-1] for chart in app.get("plotly_chart")}


def picture(app) -> tuple:
    drawn = sorted((chart.proto.id, chart.proto.spec) for chart in app.get("plotly_chart"))
    return metrics(app), boxes(app), [frame.value.drop(columns="seconds") for frame in app.dataframe], drawn


def alike(one: tuple, other: tuple) -> bool:
    same = all(a.equals(b) for a, b in zip(one[2], other[2], strict=True))
    return same and one[:2] == other[:2] and one[3] == other[3]


def linked(app) -> dict[str, str]:
    given = dict(app.query_params.items())
    return {name: value if isinstance(value, str) else value[-1] for name, value in given.items()}
