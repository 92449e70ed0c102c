"""Members trained for some seconds: time and steps are kept, the control has no memory, a stop ends it all."""

import pytest

from titans_course.figures.family_tree import minute_figure
from titans_course.studies import family, minute
from titans_course.studies.minute import train_for


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(minute, "ROWS", 2)
    monkeypatch.setitem(minute.RECALL, "rows", 4)


def test_a_training_ends_at_its_seconds_and_says_what_it_did():
    said = []
    found = train_for("deltanet", 1.0, beat=lambda *words: said.append(words))
    assert found.steps == len(found.losses) <= found.planned and found.steps > 1
    assert found.seconds < 5
    assert found.points[0][:2] == (0, 0.0) and found.points[-1][0] == found.steps
    assert set(found.recalled) == {"late", "overwritten", "many"}
    assert [stage for stage, *_ in said] == sorted(
        (stage for stage, *_ in said), key=("timing", "training", "measuring").index
    )
    shares = [share for stage, share, _ in said if stage == "training"]
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 2


def test_the_control_is_trained_without_memory(monkeypatch):
    modes, real = [], family.Trainer
    monkeypatch.setattr(
        family, "Trainer", lambda shape, config, *more: modes.append(config.memory) or real(shape, config, *more)
    )
    assert train_for(family.OFF, 0.3).steps > 0 and set(modes) == {"off"}
    modes.clear()
    train_for("titans", 0.3)
    assert set(modes) == {"on"}


def test_a_beat_that_raises_ends_the_training():
    def beat(stage: str, share: float, steps: int) -> None:
        if stage == "training" and steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_for("deltanet", 5.0, beat=beat)


def test_a_block_of_no_steps_ends_it_and_the_same_steps_learn_the_same():
    def each(trainer):
        losses[:] = trainer.losses
        return 2 * (trainer.step < 4)

    losses: list[float] = []
    family.trained("deltanet", 0, family.RECALL, 50, each)
    first = list(losses)
    family.trained("deltanet", 0, family.RECALL, 50, lambda trainer: each(trainer) and 1)
    assert len(first) == 4 and losses == first


def test_the_figure_is_drawn_against_seconds_or_steps():
    run = minute.Minute(
        "titans", 30, 20, 4.0, tuple(4 - 0.1 * i for i in range(20)), ((0, 0.0, 0.03), (20, 4.0, 0.5)), {}
    )
    by_time, by_step = (minute_figure({"Titans": run, "without": run}, axis) for axis in ("seconds", "steps"))
    recall, loss = by_time.data[:2]
    assert list(recall.x) == [0.0, 4.0] and list(recall.y) == [0.03, 0.5]
    assert loss.x[-1] == pytest.approx(4.0) and loss.y[0] == 4.0 and len(loss.y) == 20
    assert list(by_step.data[0].x) == [0, 20] and by_step.data[1].x[-1] == 20
    assert [line.name for line in by_time.data if line.showlegend is not False] == ["Titans", "without"]
