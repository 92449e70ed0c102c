"""Times that are compared are medians of calls in turns."""

from titans_course.studies import timing


def test_calls_take_turns_and_the_median_counts(monkeypatch):
    called, clock = [], iter([0, 1, 0, 30, 0, 9, 0, 10, 0, 2, 0, 20])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    taken = timing.medians({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, rounds=3)
    assert called == ["a", "b"] * 4  # the first turn does not count
    assert taken == {"a": 2, "b": 20}
