"""The site: a small one is built and opened in Chromium as the whole one is by `python -m website.check`."""

import re
import warnings

import nbformat
import pytest

pytest.importorskip("sphinx")
pytest.importorskip("playwright")

from browsing import browser, require_chromium  # noqa: E402
from lessons import ROOT, tool  # noqa: E402

import titans_mini  # noqa: E402

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "tools")
    from website import api, check
    from website import lessons as pages

    site_tool = tool("site")

LESSON = "00_tour"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """One lesson and one API page in both languages, and the pages that every site has."""
    work = tmp_path_factory.mktemp("work")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Sphinx and docutils warn their own authors of
        assert site_tool.build(work / "below" / "site", work / "kept", [LESSON], ["titans_mini"]) == 0
    return work / "below" / "site"


@pytest.fixture(scope="module")
def chromium():
    require_chromium("the site is not opened")
    with browser() as running:
        yield running


def test_every_link_of_the_site_leads_somewhere_and_nothing_comes_from_another_host(site):
    assert {page.name for page in site.glob("*.html")} >= {"index.html", "README.html", "search.html"}
    assert '<a href="../index.html">' in (site / "playground" / "index.html").read_text("utf8")
    assert '<a href="../../zh/index.html">' in (site / "playground" / "zh" / "index.html").read_text("utf8")
    assert check.broken_links(site) == []


@pytest.mark.browser
def test_pages_open_without_an_error_below_an_address(site, chromium):
    names = ["index.html", f"notebooks/{LESSON}.html", "api/titans_mini.html", "zh/README.html", *check.SEARCHES]
    with check.served(site) as base:
        assert base.endswith("/site/")
        assert check.troubles(chromium, base, names, viewport={"width": 1280, "height": 720}) == []


@pytest.mark.browser
def test_pages_open_from_the_disk_dark_and_on_a_phone(site, chromium):
    look = {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}
    names = ["zh/index.html", f"zh/notebooks/{LESSON}.html", "zh/notebooks/GLOSSARY.html", "api/titans_mini.html"]
    assert check.troubles(chromium, f"{site.as_uri()}/", [*names, *check.SEARCHES], **look) == []


@pytest.mark.browser
def test_an_animation_waits_for_its_button_and_then_plays(site, chromium):
    page = chromium.new_page(reduced_motion="reduce")
    page.goto(f"{site.as_uri()}/notebooks/{LESSON}.html")
    page.evaluate("""for (const plot of document.querySelectorAll('.plot'))
        if (plot.textContent.includes('updatemenus')) plot.scrollIntoView()""")
    counted = page.locator(".plot .slider-group > .slider-label")
    counted.wait_for()
    page.wait_for_timeout(1500)
    assert counted.text_content() == "bytes read: 64"  # the last frame
    page.locator(".plot .updatemenu-button").first.click()
    now = "document.querySelector('.plot .slider-group > .slider-label').textContent"
    page.wait_for_function(f"{now} === 'bytes read: 8'")
    page.close()


@pytest.mark.browser
def test_a_figure_follows_the_colours_and_stands_in_for_its_picture(site, chromium):
    page = chromium.new_page(color_scheme="light")
    page.goto(f"{site.as_uri()}/notebooks/{LESSON}.html")
    page.locator(".plot").first.scroll_into_view_if_needed()
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    page.locator(".plot .xtick text").first.wait_for()
    light = page.evaluate(ink)
    page.get_by_role("button", name="Toggle").last.click()
    page.wait_for_function(f"{ink} !== '{light}'")
    page.locator(".twin:visible").click()
    page.wait_for_selector("html[lang='zh-CN']")
    assert page.url.endswith(f"/zh/notebooks/{LESSON}.html")
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme, name", [("light", "index.html"), ("dark", "zh/docs/DIFFERENCES.html")])
def test_axe_finds_nothing(site, chromium, scheme, name):
    base = pytest.importorskip("axe_playwright_python.base")
    page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
    page.goto(f"{site.as_uri()}/{name}")
    page.evaluate(base.AXE_SCRIPT)
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    page.close()


@pytest.mark.browser
def test_the_check_sees_each_kind_of_fault(tmp_path, chromium):
    (tmp_path / "page.html").write_text(
        '<a href="gone.html">a</a><a href="#gone">a</a><img src="http://127.0.0.1:9/x.png">'
        '<div style="width:2000px">wide</div><script>nothing()</script><div class="plot"></div>',
        "utf8",
    )
    (tmp_path / "other.html").write_text('<a href="page.html#gone">a</a><a href="https://example.org">fine</a>', "utf8")
    assert [line.partition(": ")[2] for line in check.broken_links(tmp_path)] == [
        "no anchor page.html#gone", "no file gone.html", "no anchor #gone", "loads http://127.0.0.1:9/x.png",
    ]  # fmt: skip
    found = "\n".join(check.troubles(chromium, f"{tmp_path.as_uri()}/", ["page.html"], wait=500))
    for fault in ("asks for http://127.0.0.1:9/x.png", "nothing is not defined", "px wide", "Timeout", "ERR_"):
        assert fault in found


@pytest.mark.parametrize("name", titans_mini.__all__)
def test_every_public_name_has_an_entry(site, name):
    for language in ("", "zh/"):
        text = (site / language / "api" / "titans_mini.html").read_text("utf8")
        _, _, entry = text.partition(f'id="titans_mini.{name}"')
        assert re.match(r".*?</dt>\s*<dd>\s*<p>\S", entry, re.S), name


def test_every_public_name_of_every_module_is_on_its_page():
    written = {name: api.page(name) for name in api.packages()}
    for file in [*(ROOT / "titans_mini").rglob("*.py"), *(ROOT / "titans_course").rglob("*.py")]:
        if file.name != "__main__.py":
            module = api.read(file)
            package = module.name if file.name == "__init__.py" else module.name.rpartition(".")[0]
            for node in module.definitions():
                assert re.search(rf"(}}|titans_mini\.| ){node.name}\b", written[package]), (module.name, node.name)


def test_each_half_speaks_its_language(site):
    english, chinese = ((site / half / "notebooks" / f"{LESSON}.html").read_text("utf8") for half in ("", "zh"))
    heading = re.compile(r"<h[12]>(.*?)<a")
    assert len(heading.findall(english)) == len(heading.findall(chinese)) > 10
    assert not [text for text in heading.findall(english) if pages.HAN.search(text)]
    assert all(pages.HAN.search(text) for text in heading.findall(chinese))
    assert "<h1>00 · 导览" in chinese and "<h1>00 · A tour" in english
    assert "下一页" in chinese and '<html class="no-js" lang="zh-CN"' in chinese
    assert '<article lang="en"' in (site / "zh" / "docs" / "DIFFERENCES.html").read_text("utf8")  # not translated
    assert "神经记忆" in (site / "zh" / "README.html").read_text("utf8")


@pytest.mark.parametrize(
    "both, english, chinese",
    [
        ("## 3. τ, the threshold · 阈值 τ", "## 3. τ, the threshold", "## 阈值 τ"),
        ("- Say it. · 说出来。", "- Say it.", "- 说出来。"),
        ("| m · c | inner loss · 损失 | x |", "| m · c | inner loss | x |", "| m · c | 损失 | x |"),
        ("<summary>Why? · 为何？</summary>", "<summary>Why?</summary>", "<summary>为何？</summary>"),
        ("**You read.**\n\n**你读。**", "**You read.**", "**你读。**"),
        ("5 minutes · 5 分钟. Needs: a, b. · 需要：甲。", "5 minutes. Needs: a, b.", "5 分钟。需要：甲。"),
        ("**So? · 是吗？** Not yet, it is a gradient.", None, None),
        ("k · q is a product", None, None),
    ],
)
def test_text_in_two_languages_is_told_apart(both, english, chinese):
    assert pages.one_language(both, "en") == (english or both)
    assert pages.one_language(both, "zh") == (chinese or both)


def test_a_lesson_without_outputs_is_run_once(tmp_path, monkeypatch):
    runs = []

    def execute(client):
        runs.append(client.resources["metadata"]["path"])
        client.nb.cells[1].execution_count = 1
        client.nb.cells[1].outputs = [nbformat.v4.new_output("stream", text="4\n")]

    monkeypatch.setattr("nbclient.NotebookClient.execute", execute)
    cells = [
        nbformat.v4.new_markdown_cell("links\n\n# Sum · 和"),
        nbformat.v4.new_code_cell("# NBVAL_CHECK_OUTPUT\n2 + 2"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "01_sum.ipynb")
    for _ in range(2):
        done = pages.lesson(tmp_path / "01_sum.ipynb", "en", tmp_path / "runs")
        assert done.cells[0].source == "# 01 · Sum" and done.cells[1].source == "2 + 2"
        assert done.cells[1].outputs[0].text == "4\n"
    assert runs == [str(tmp_path)]


def test_what_needs_a_kernel_says_so_and_a_figure_is_data():
    text = "SimulatorLab: run this cell in Jupyter to open the sliders and the live plot."
    panel = pages.still({"text/plain": text, pages.WIDGET: {}}, "en")["text/html"]
    assert "make lab" in panel and "the sliders and the live plot" in panel and "run this cell" not in panel
    figure = {"data": [{"name": "</script>"}], "layout": {"height": 320}}
    drawn = pages.still({pages.PLOTLY: figure, "text/plain": "a figure"}, "zh")
    assert set(drawn) == {"text/html"} and drawn["text/html"].count("</script>") == 1 and "320px" in drawn["text/html"]
    assert pages.still({"text/plain": "4"}, "en") == {"text/plain": "4"}


def test_docstrings_keep_their_signs_columns_and_tables():
    assert api.prose("a * b_t < `c * d`, by\nrow") == r"a \* b\_t \< `c * d`, by row"
    assert api.prose("1. a.py      the first\n2. b/c.py    the next\n             of them") == (
        "1. `a.py`: the first\n2. `b/c.py`: the next of them"
    )
    assert api.prose("| a | b |\n|---|---|\n| c_t | d |") == "| a | b |\n|---|---|\n| c_t | d |"


def test_links_to_what_is_no_page_become_downloads_or_text():
    files, known = {}, {site_tool.GLOSSARY}
    text = "[g](GLOSSARY.md#a) [x](../CITATION.cff) [t](../titans_mini) [w](https://arxiv.org) [n](01_gone.ipynb)"
    linked = site_tool.linked(text, site_tool.GLOSSARY, known, files)
    assert linked == "[g](GLOSSARY.md#a) [x](path:../CITATION.cff) t [w](https://arxiv.org) n"
    assert [path.name for path in files] == ["CITATION.cff"]


def test_only_an_earlier_site_is_replaced(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds no earlier site"):
        site_tool.clear(tmp_path)
    (tmp_path / "playground").mkdir()
    site_tool.clear(tmp_path)
    assert not tmp_path.exists()
