"""The Variants page without a browser: each variant, each panel, missing weights, bad values, links."""

import pytest
import torch

pytest.importorskip("streamlit.testing.v1")

from pages import ENTRY, lines, open_page  # noqa: E402
from pages import chart_ending as chart  # noqa: E402
from pages import unbroken as sound  # noqa: E402

from titans_mini import TitansConfig, TitansLM
from titans_mini.training import checkpoint
from titans_mini.training.tasks import TASKS  # noqa: E402

VARIANTS = ("lmm", "mac", "mag", "mal")
QUICK = {"read_bytes": "300", "new_bytes": "10", "rows": "4"}


def save(folder, task: str, variant: str, vocabulary: int | None = None, name: str | None = None, **card) -> None:
    torch.manual_seed(0)
    shape = dict(dim=8, layers=1, heads=2, window=16, chunk=16, persistent=2)
    size = vocabulary or TASKS[task].vocab_size
    lm = TitansLM(TitansConfig(variant=variant, vocab_size=size, **shape))
    checkpoint.save_model(lm, folder / (name or f"{task}-{variant}"), card)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    for variant in VARIANTS:
        for task in ("text", "recall"):
            save(folder, task, variant)
    return folder


@pytest.fixture(autouse=True)
def bundled(tiny, monkeypatch):
    monkeypatch.setattr(checkpoint, "BUNDLED", tiny)


def start(**link: str):
    """The page as a link opens it, with few bytes to read and make."""
    return sound(open_page("variants", {**QUICK, **link}))


def charts(app) -> set[str]:
    return {c.proto.id.rsplit("-", 1)[-1] for c in app.get("plotly_chart")}


def html(app) -> str:
    return "".join(block.value for block in app.get("html"))


def test_the_page_opens_with_masks_and_loss():
    app = start()
    assert charts(app) == {"wiring", "attention", "masks", "bits_chart"}
    assert not lines(app)
    assert [metric.label for metric in app.metric] == ["Memory on", "Memory frozen", "Memory off"]
    means = [line["name"] for line in chart(app, "bits_chart")["data"]]
    assert means == [f"{mode}: {m.value}" for mode, m in zip(("on", "frozen", "off"), app.metric, strict=True)]
    assert any("two standard errors" in block.value for block in app.markdown)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant(variant):
    app = start()
    app.segmented_control(key="variant").set_value(variant)
    sound(app.run())
    assert not lines(app) and len(app.metric) == 3
    assert ("attention" in charts(app)) == (variant != "lmm")
    assert any(f"text\\-{variant}" in caption.value for caption in app.caption)


def test_the_simulator_stays_first_and_settings_outlive_a_visit_there():
    app = start(variant="mal")
    app.switch_page("app_pages/simulator.py")
    app.query_params["tokens"] = "120"
    sound(app.run())
    app.switch_page("app_pages/variants.py")
    assert sound(app.run()).segmented_control(key="variant").value == "mal"


def test_every_control_has_help():
    app = start()
    widgets = [*app.slider, *app.number_input, *app.text_area, *app.button, *app.get("button_group")]
    assert len(widgets) > 15
    assert [widget.proto.label for widget in widgets if not widget.proto.help] == []


def test_recall_is_measured_on_demand_and_kept():
    app = start(variant="mag")
    assert "distance_chart" not in charts(app)
    app.button(key="measure_button").click()
    drawn = chart(sound(app.run()), "distance_chart")["data"]
    assert [line["name"] for line in drawn] == ["on", "off"] and list(drawn[0]["x"]) == [64, 256, 1024, 4096]
    assert any("Of 32 answers at 4,096 tokens" in block.value for block in app.markdown)
    app.slider(key="window").set_value(10)
    assert chart(sound(app.run()), "distance_chart")["data"] == drawn


def test_what_was_measured_before_a_stop_is_shown(monkeypatch):
    from titans_mini.studies import reading

    def stopped(lm, gap, *, rows, memory):
        if gap == 256:
            raise reading.ConfigError("stopped here")
        yield 1.0, 0.5

    monkeypatch.setattr(reading, "recall_at", stopped)
    app = start()
    app.button(key="measure_button").click()
    assert list(chart(sound(app.run()), "distance_chart")["data"][0]["x"]) == [64]


def test_generation_is_repeatable_and_its_settings_count():
    app = start(new_bytes="30")
    app.button(key="generate_button").click()
    first = html(sound(app.run()))
    assert "Changed in version" in first and any("30 bytes, memory on" in caption.value for caption in app.caption)
    app.button(key="generate_button").click()
    assert html(sound(app.run())) == first
    app.slider(key="temperature").set_value(0.0)
    assert html(sound(app.run())) == first
    assert any("other settings" in caption.value for caption in app.caption)
    app.segmented_control(key="memory").set_value("off")
    app.button(key="generate_button").click()
    assert html(sound(app.run())) != first


def test_a_prompt_is_escaped_and_an_empty_one_is_one_line():
    app = start()
    app.text_area(key="prompt").set_value("<b>雪")
    app.button(key="generate_button").click()
    assert "&lt;b&gt;雪" in html(sound(app.run()))
    app.text_area(key="prompt").set_value("")
    app.button(key="generate_button").click()
    assert lines(sound(app.run())) == ["The prompt is empty: type at least one character."]


def test_text_of_ones_own_and_much_text():
    app = start(reading="paste")
    assert not lines(app) and any("the pasted text" in caption.value for caption in app.caption)
    first = [metric.value for metric in app.metric]
    app.text_area(key="paste").set_value("Quite another text. " * 20)
    assert [metric.value for metric in sound(app.run()).metric] != first
    app.text_area(key="paste").set_value("x")
    assert lines(sound(app.run())) == ["text must have at least 2 bytes, not 1"] and not app.metric
    app = start(read_bytes="2500")
    assert not app.metric and any("press Read" in info.value for info in app.info)
    app.button(key="read_button").click()
    assert len(sound(app.run()).metric) == 3
    app.slider(key="window").set_value(1)
    assert len(sound(app.run()).metric) == 3


def test_links_set_hide_and_are_mended():
    app = start(variant="lmm", window="50", temperature="0.5", hide="mask,distance,variant")
    assert charts(app) == {"bits_chart"} and not lines(app)
    assert app.slider(key="window").value == 50 and app.slider(key="temperature").value == 0.5
    assert any("text\\-lmm" in caption.value for caption in app.caption)
    app = start(variant="mad", window="x", min_p="7", hide="nothing")
    (line,) = lines(app)
    assert all(name in line for name in ("variant", "window", "min", "nothing"))
    assert app.segmented_control(key="variant").value == "mac" and len(app.metric) == 3


def test_reset_and_defaults():
    app = start(variant="mag", window="50")
    app.segmented_control(key="variant").set_value("lmm")
    app.slider(key="window").set_value(9)
    sound(app.run()).button(key="variants_reset").click()
    sound(app.run())
    assert (app.segmented_control(key="variant").value, app.slider(key="window").value) == ("mag", 50)
    app.button(key="variants_defaults").click()
    sound(app.run())
    assert (app.segmented_control(key="variant").value, app.slider(key="window").value) == ("mac", 200)


def test_missing_broken_and_new_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "BUNDLED", tmp_path)
    app = start(variant="mag")
    assert [info.value.count("No trained weights") for info in app.info] == [1, 1, 1]
    assert charts(app) == {"wiring", "attention", "masks"} and not lines(app)
    (tmp_path / "text-mag.safetensors").write_bytes(b"no weights")
    assert all("cannot be used" in line for line in lines(sound(app.run()))) and len(lines(app)) == 2
    (tmp_path / "text-mag.safetensors").unlink()
    card = {"training": {"steps": 7, "size": 64}, "tokens": 1234}
    save(tmp_path, "text", "mag", name="text-mag-2", **card)  # found by the beginning of its name
    save(tmp_path, "recall", "mag", vocabulary=11)
    app.run()
    assert len(sound(app).metric) == 3 and "vocabulary of 11" in lines(app)[0] and len(lines(app)) == 1
    assert any("trained for 7 steps on 1,234 tokens" in caption.value for caption in app.caption)
    assert any("Training sequences had 64 bytes" in block.value for block in app.markdown)


def test_no_tensor_lives_at_module_level_and_weights_are_not_trained():
    import sys

    import weights

    modules = [m for m in list(sys.modules.values()) if str(ENTRY.parent) in (getattr(m, "__file__", 0) or "")]
    assert not any(isinstance(value, torch.Tensor) for module in modules for value in vars(module).values())
    path = checkpoint.BUNDLED / "text-mac.safetensors"
    _, lm = weights._load("text-mac", (str(path), 0))
    assert not any(parameter.requires_grad for parameter in lm.parameters())
