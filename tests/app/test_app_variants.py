"""The Variants page without a browser: each variant, each panel, missing weights, bad values, links."""

import pytest
import torch

pytest.importorskip("streamlit.testing.v1")

from pages import ENTRY, lines, open_page  # noqa: E402
from pages import chart_ending as chart  # noqa: E402
from pages import unbroken as sound  # noqa: E402

from titans_course.figures import variants as figures_variants
from titans_course.studies.controls import RECALL_CONTROL
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


def measured(modes: tuple[str, ...], saved: float = 0.0) -> dict:
    """The entries of a text model's card, as `measure_text` makes them."""
    about = {"rows": 2, "seed": 1}
    bits = {"on": 2.0, "frozen": 3.0, "off": 4.0, "cache": 1.0}
    return {
        "training": {"task": "text", "memory": "off" if modes[0] == "off" else "on", "steps": 150, "size": 64},
        "seconds": 64.0,
        "results": [{"task": "text", "size": 64, "memory": mode, "bits": bits[mode]} for mode in modes],
        "context": [
            {"context": n, "memory": mode, "bits": bits[mode], "lost": saved * (n < 4096), "error": 0.01, **about}
            for mode in modes
            for n in (16, 64, 4096)
        ],
        "second_reading": [
            {"passage": n, "memory": mode, "first": 2.0, "second": 2.0 - saved, "saved": saved, "error": 0.01, **about}
            for mode in modes
            for n in (64, 1024)
        ],
        "swap": [
            {"context": 4096, "memory": mode, "own": 2.0, "other": 2.0 + saved, "saved": saved, "error": 0.01, **about}
            for mode in modes
        ],
        "return": [
            {"passage": 256, "between": 1024, "memory": mode, "saved": saved, "error": 0.01, **about} for mode in modes
        ],
        "half_life": [
            {"layer": layer, "memory": "on", "half_life": life, "beyond": 2048, **about}
            for layer, life in ((1, 86), (2, None))
            if modes[0] != "off"
        ],
    }


def recalled(memory: str) -> list[dict]:
    tasks = (("recall_once", 2048), ("recall_once", 65_536), ("recall_late", 2048))
    return [{"task": task, "size": size, "memory": memory, "accuracy": 0.5} for task, size in tasks]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    for variant in VARIANTS:
        for task in ("text", "recall"):
            save(folder, task, variant)
    return folder


@pytest.fixture
def controlled(tmp_path, monkeypatch):
    """Models with cards, and the controls beside them."""
    monkeypatch.setattr(checkpoint, "BUNDLED", tmp_path)
    save(tmp_path, "text", "mag", **measured(("on", "frozen", "off"), saved=0.1))
    save(tmp_path, "text", "mal", **measured(("on", "frozen", "off")))
    for name in ("text-off", "text-off-long"):
        save(tmp_path, "text", "mag", name=name, **measured(("off", "cache")))
    save(tmp_path, "recall", "mag", results=recalled("on"))
    control = tmp_path / "seeds" / f"{RECALL_CONTROL}-0"
    save(control.parent, "recall", "mag", name=control.name, training={"memory": "off"}, results=recalled("off"))
    control.with_suffix(".safetensors").unlink()  # only its card ships
    return tmp_path


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
    assert any("nothing here shows what memory is worth" in block.value for block in app.markdown)


def test_the_controls_stand_beside_on_frozen_and_off(controlled):
    app = start(variant="mag")
    assert not lines(app)
    names = ["Memory on", "Memory frozen", "Memory off", "Trained without, same steps", "Trained without, same time"]
    assert [metric.label for metric in app.metric] == names
    drawn = [line["name"] for line in chart(app, "bits_chart")["data"]]
    assert drawn[3].startswith("trained without memory, same steps: ") and len(drawn) == 5
    without = [metric.value for metric in app.metric][3:]
    assert [name.rpartition(": ")[2] for name in drawn[3:]] == without
    said = " ".join(block.value for block in app.markdown)
    assert "do not show what memory is worth" in said and "Writing while reading" not in said
    assert said.count("trained **without memory** for") == 2
    for name in ("context_chart", "second_reading_chart"):
        assert [line["name"] for line in chart(app, name)["data"]] == list(figures_variants.NAMES.values())
    evidence, recall = (frame.value for frame in app.dataframe)
    assert list(evidence["name"]) == [
        "MAG", "MAL", "trained without memory, same steps", "trained without memory, same time"
    ]  # fmt: skip
    assert list(evidence["on"]) == ["2.000", "2.000", "–", "–"] and set(evidence["off"]) == {"4.000"}
    assert list(recall["name"]) == ["MAG", "trained without memory, same steps"]
    assert list(recall["near"]) == ["50.0%", "50.0%"] and set(recall["many"]) == {"–"}


def test_the_stored_numbers_make_the_sentences(controlled):
    said = " ".join(block.value for block in start(variant="mag").markdown)
    assert "With 4,096 bytes of context, this model needs **0.100 ± 0.020 bits per byte less** than with 16." in said
    assert "For the control with the same steps, 4,096 bytes of context are not clearly better than 16" in said
    assert "The second time, this model needs: 64 bytes: 0.100 ± 0.020 bits per byte less, 1,024 bytes: 0.100" in said
    assert "After 4,096 bytes of their own past, the same bytes cost this model **0.100 ± 0.020 bits less**" in said
    assert "A passage of 256 bytes that returns after 1,024 others costs this model **0.100 ± 0.020 bits per" in said
    assert "A passage of 256 bytes that returns after 1,024 others is not clearly easier for the control" in said
    assert "layer 1: 86, layer 2: more than 2,048." in said
    said = " ".join(block.value for block in start(variant="mal").markdown)
    assert (
        "For this model, 4,096 bytes of context are not clearly better than 16 (+0.000 ± 0.020 bits per byte)" in said
    )
    assert "A second reading is not clearly easier for this model, whatever the length." in said


def test_a_card_without_measurements_leaves_no_empty_figure(controlled):
    save(controlled, "text", "mag", training={"size": 64})
    app = start(variant="mag")
    assert {"context_chart", "second_reading_chart"} & charts(app) == {"context_chart", "second_reading_chart"}
    for name in ("text-off", "text-off-long"):
        (controlled / f"{name}.json").unlink()
    app = start(variant="mag")
    assert not {"context_chart", "second_reading_chart"} & charts(app)
    assert sum("does not hold this measurement" in caption.value for caption in app.caption) == 2
    assert any("No model that was trained without memory" in info.value for info in app.info)


def test_a_model_that_trained_with_memory_is_no_control(controlled):
    save(controlled, "text", "mag", name="text-off", **measured(("on", "frozen", "off")))
    assert [metric.label for metric in start(variant="mag").metric][3:] == ["Trained without, same time"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant(variant):
    app = start()
    app.segmented_control(key="variant").set_value(variant)
    sound(app.run())
    assert not lines(app) and len(app.metric) == 3
    assert ("attention" in charts(app)) == (variant != "lmm")
    assert any(f"text\\-{variant}" in caption.value for caption in app.caption)


def test_recall_is_measured_on_demand_and_kept():
    app = start(variant="mag")
    assert "distance_chart" not in charts(app)
    app.button(key="measure_button").click()
    drawn = chart(sound(app.run()), "distance_chart")["data"]
    assert [line["name"] for line in drawn] == ["on", "frozen", "off"] and list(drawn[0]["x"]) == [64, 256, 1024, 4096]
    assert any("out of 32 at 4,096 tokens" in block.value for block in app.markdown)
    app.slider(key="window").set_value(10)
    assert chart(sound(app.run()), "distance_chart")["data"] == drawn


def test_what_was_measured_before_a_stop_is_shown(monkeypatch):
    from titans_course.studies import reading

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
    assert "out : ndarray" in first and any("30 bytes, memory on" in caption.value for caption in app.caption)
    app.button(key="generate_button").click()
    assert html(sound(app.run())) == first
    app.slider(key="temperature").set_value(0.0)
    assert html(sound(app.run())) == first
    assert any("settings other than" in caption.value for caption in app.caption)
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
    app = start(variant="lmm", window="50", temperature="0.5", hide="mask,distance,evidence,variant")
    assert charts(app) == {"bits_chart"} and not lines(app)
    assert app.slider(key="window").value == 50 and app.slider(key="temperature").value == 0.5
    assert any("text\\-lmm" in caption.value for caption in app.caption)
    app = start(variant="mad", window="x", min_p="7", hide="nothing")
    (line,) = lines(app)
    assert all(name in line for name in ("variant", "window", "min", "nothing"))
    assert app.segmented_control(key="variant").value == "mac" and len(app.metric) == 3


def test_missing_broken_and_new_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "BUNDLED", tmp_path)
    app = start(variant="mag")
    assert [info.value.count("No trained weights") for info in app.info] == [1, 0, 1, 1, 1]
    assert "No text model of MAG is bundled" in app.info[1].value
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
