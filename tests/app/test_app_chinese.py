"""Pages in Chinese: headings, no English left but names, and the settings and numbers of the English page."""

import re

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import TEXTS, open_page, unbroken  # noqa: E402
from reading import drawn, read, shapes, tables  # noqa: E402
from words import HAN, english  # noqa: E402

# isort: split
from texts import plain  # noqa: E402
from tuning import runs as tuning_runs  # noqa: E402

from titans_course.claims import CLAIMS  # noqa: E402
from titans_course.studies import duration as tune_time  # noqa: E402
from titans_course.studies.family import RULES  # noqa: E402
from titans_mini.miras import KNOBS, PRESETS  # noqa: E402

ALLOWED = """
tau beta lambda theta eta alpha delta gamma sigma rho sqrt grad unit rms norm
Titans MIRAS RetNet DeltaNet Gated TTT Linear MLP LN Moneta Yaad Memora ATLAS Muon Longhorn RNN CNN MAC MAG MAL LMM
Mamba GLA RWKV DeltaProduct Mesa MesaNet OmegaNet TNT CMS Hope Nested Learning
Abadi et al Kingma Ba Tieleman Hinton Bregman Huber Adam RMSProp RMSNorm Transformer Wikitext arXiv DNA English
CSV JSON CLAIMS md Prometheus Python Linux torch cpu numpy fp32 int8 int4 bf16 kB MB NaN Ctrl workers out FOLDER again
text conv mac mag mal lmm miras memory token by hand my docs FAMILY family
"""  # names, units, code
CHOICES = {name: choice for choices in KNOBS.values() for name, choice in choices.items()}
PARTS = " ".join(CHOICES).replace("_", " ").split()  # of a name, where Markdown escapes its _
KNOWN = {
    *ALLOWED.split(),
    *PRESETS,
    *RULES,
    *CHOICES,
    *PARTS,
    *(choice.number.name for choice in CHOICES.values() if choice.number),
}
NUMBER = re.compile(r"[\d.,%]*\d%?")
GRID = {"taus": "0.1,0.5", "betas": "0.5", "lams": "0.0001,0.001", "depths": "1,2", "coarse_tokens": "100",
        "final_tokens": "200", "keep": "2", "seeds": "2"}  # fmt: skip
UNSAID = {TEXTS["zh"]["claims_column=key"], "formula", "open"}  # columns of keys, of formulas, of addresses

# page, its link, and the buttons that are pressed
VISITS = {
    "miras": ("miras", {}, ()),
    "miras refused": ("miras", {"algorithm": "implicit"}, ()),
    "miras refused later": ("miras", {"algorithm": "closed_form"}, ()),
    "miras later": ("miras", {"preset": "hope"}, ("pin_rule",)),
    "miras blown up": ("miras", {"write": "10", "kind": "drift", "versus": "nothing"}, ()),
    "miras preset": ("miras", {"preset": "atlas", "kind": "overload"}, ("pin_rule",)),
    "tuning": ("tuning", {}, ()),
    "tuning run": ("tuning", GRID, ("run_button",)),
    "tuning one seed": ("tuning", {**GRID, "seeds": "1", "objective": "recall"}, ("run_button",)),
    "operations": ("operations", {"at": "1900", "duration": "200"}, ("rollback", "round", "keep_memory")),
    "operations broken": ("operations", {"at": "1500", "incident": "broken_weight"}, ("take_snapshot", "damage")),
    "operations recipe": ("operations", {"engine": "recipe", "incident": "random_bytes"}, ("drill_step", "damage")),
    "claims": ("claims", {}, ()),
    "claims row": ("claims", {"row": "alarms"}, ()),
    "claims before": ("claims", {"row": "order", "section": "2.3"}, ()),
}


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    monkeypatch.setattr(tune_time, "_timed", lambda configs: 0.01 * len(configs))
    tuning_runs._speed.clear()


def visit(name: str, language: str):
    """A page in a language, after some buttons were pressed."""
    page, link, buttons = VISITS[name]
    app = unbroken(open_page(page, {**link, "lang": language}))
    if page == "miras":
        app.session_state["all_choices"] = True
        unbroken(app.run())
    for key in buttons:
        app.button(key=key).click()
        unbroken(app.run())
    return app


@pytest.mark.parametrize("name", VISITS)
def test_a_page_in_chinese_has_chinese_words_and_the_english_page_s_numbers(name):
    app, other = visit(name, "zh"), visit(name, "en")
    page = VISITS[name][0]
    assert app.markdown[0].value == f"# {TEXTS['zh'][page + '_title']}"
    titles = [block.value for block in app.markdown if block.value.startswith("####")]
    assert all(HAN.search(title) for title in titles)
    quoted = english([plain(claim.claim_zh) for claim in CLAIMS.values()], KNOWN) if page == "claims" else set()
    assert english([*read(app), *tables(app, without=UNSAID), *drawn(app)], KNOWN | quoted) == set()
    assert shapes(app) == shapes(other) and len(read(app)) > 20
    assert [NUMBER.findall(metric.value) for metric in app.metric] == [
        NUMBER.findall(metric.value) for metric in other.metric
    ]
    assert app.session_state.kept[page] == other.session_state.kept[page]
