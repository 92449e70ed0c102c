"""What a run leaves behind, why it diverged, and the pages of its text."""

import re
from dataclasses import replace

import numpy as np
import pytest

from titans_course.figures.export import to_code, to_html
from titans_course.studies.divergence import find_cause
from titans_mini import MemoryConfig, SimulationConfig, simulate

CONFIG = SimulationConfig(tokens=60, memory=MemoryConfig.preset("recipe", dim=8))
TEXT = "雪 ❄ שלום 🙂 a\n\r\u2028'\"\\ <b> {x}" * 30


@pytest.mark.parametrize("text", [None, TEXT])
@pytest.mark.parametrize("changes", [{}, {"tau": 0.1, "lam": 1e-5, "gate": "constant", "seed": 3}])
def test_the_code_makes_the_same_settings_and_text(text, changes):
    config = replace(CONFIG, **changes)
    names = {}
    exec(to_code(config, text).replace("print", "str"), names)  # noqa: S102
    assert names["config"] == config
    np.testing.assert_array_equal(names["trace"].surprise, simulate(config, text).surprise)


def test_numbers_of_numpy_are_spelled_as_pythons_own():
    config = replace(CONFIG, tau=np.float64(0.2), beta=np.float64(0.25))
    code = to_code(config)
    assert "tau=0.2," in code and "beta=0.25," in code and "np." not in code
    exec(code.replace("print", "str"), names := {})  # noqa: S102
    assert names["config"] == config


def test_the_page_shows_text_and_code_as_text():
    page = to_html(simulate(CONFIG, TEXT), code="a < b & '<script>'")
    assert "a &lt; b &amp;" in page and "<b>" not in page.split("</script>")[-1]
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert "<td>diverged at token</td><td>never</td>" in page and "None" not in page.split("</table>")[0]


def test_the_cause_of_a_divergence_is_one_milder_setting():
    trace = simulate(SimulationConfig(tokens=60, tau=0.0, eta=10.0))
    cause = find_cause(trace)
    assert trace.diverged_at is not None and cause.trace.diverged_at is None
    assert (cause.name, cause.trace.settings) == ("eta", replace(trace.settings, eta=cause.value))
    assert find_cause(cause.trace) is None
