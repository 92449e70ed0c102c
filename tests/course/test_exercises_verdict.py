"""What the classroom's steps make of a verdict: they count signs and read no sentence, and a line fits a page."""

import pytest
from nbformat import v4
from test_exercises import answer

from titans_course import exercises
from titans_course.language import VARIABLE, tell
from titans_mini.messages import Message

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install 'titans-mini[classroom]'")
from titans_course.exercises.classroom import NeedVerdict, verdict


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_verdict_is_counted_by_its_sign_in_every_language(language, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, language)
    exercises.check_half_life(answer("half_life"), "value")
    said, sentence = capsys.readouterr().out, tell(Message("right: {title}, value", title="x"), language)
    cell = v4.new_code_cell('check_half_life(half_life, "value")', metadata={"nbgrader": {"grade": True}})
    for text, silent in ((said, False), ("", True), (f"{sentence}\n", True), (f"debug {said}", True)):
        cell.outputs = [v4.new_output("stream", name="stdout", text=text)]
        nb, _ = NeedVerdict().preprocess(v4.new_notebook(cells=[cell]), {})
        errors = [output.evalue for output in nb.cells[0].outputs if output.output_type == "error"]
        asked = Message("the check did not say that the answer is right: was it replaced?")
        assert errors == [tell(asked, language)] * silent


@pytest.mark.parametrize("letters, columns", [("a ", 100), ("记忆 ", 50)])
def test_a_line_of_feedback_fits_a_page_in_both_languages(letters, columns):
    made = verdict(v4.new_output("error", ename="Wrong", evalue=letters * 200, traceback=[]))
    assert max(map(len, made.traceback)) in range(columns - 10, columns + 1)
