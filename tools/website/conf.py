"""Settings of Sphinx for the site; `-t zh` builds its Chinese half."""

import re
from pathlib import Path

from sphinx.search.zh import SearchChinese

HERE = Path(__file__).parent
ZH = tags.has("zh")  # noqa: F821, Sphinx puts `tags` here

project = html_title = "titans_mini"
language = "zh_CN" if ZH else "en"
extensions = ["myst_nb"]
exclude_patterns = ["notebooks/exercises"]
locale_dirs = ["locale"]  # words of the theme that Sphinx's own catalogue lacks
nb_execution_mode = "off"  # lessons.py runs what stores no outputs
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
smartquotes = False
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_copy_source = html_show_copyright = html_domain_indices = False
templates_path, html_static_path = [str(HERE / "templates")], [str(HERE / "static")]
html_css_files, html_js_files = ["site.css"], ["site.js"]
FONTS = 'system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#1F6E8C", "color-brand-content": "#1F6E8C", "font-stack": FONTS},
    "dark_css_variables": {"color-brand-primary": "#6FB7D6", "color-brand-content": "#6FB7D6"},
}
_BARS = ("brand", "search", "links", "scroll-start", "navigation", "scroll-end")
html_sidebars = {"**": [f"sidebar/{name}.html" for name in _BARS]}
html_context = {
    "twin": "../" if ZH else "zh/",  # from the root of this half to that of the other
    "twin_language": "en" if ZH else "zh",
    "twin_label": "English" if ZH else "中文",
    "shared": "../" if ZH else "",  # from the root of this half to that of the site
    "playground": "playground/zh/index.html" if ZH else "playground/index.html",
    "playground_label": "演示" if ZH else "Playground",
    "theme_label": "切换浅色、深色或跟随系统" if ZH else "Switch between light, dark and the system's colours",
}


class Search(SearchChinese):
    """Chinese by single characters and pairs, so that no dictionary is needed; other words as in English."""

    language_name = "English"  # that of its stemmer, which Sphinx names after the language
    js_splitter_code = r"""
function splitQuery(query) {
  const han = /\p{Script=Han}+|[^\p{Script=Han}]+/gu, found = [];
  for (const word of query.split(/[^\p{Letter}\p{Number}_]+/u).flatMap(part => part.match(han) || [])) {
    if (!/\p{Script=Han}/u.test(word) || word.length < 2) found.push(word);
    else for (let i = 0; i + 1 < word.length; i++) found.push(word.slice(i, i + 2));
  }
  return found;
}"""

    def split(self, input: str) -> list[str]:
        runs = re.findall(r"[\u4e00-\u9fff]+", input)
        pairs = [run[place : place + size] for run in runs for size in (1, 2) for place in range(len(run) - size + 1)]
        words = self.latin1_letters.findall(input)
        self.latin_terms.update(words)
        return pairs + words

    def word_filter(self, word: str) -> bool:
        return word not in self.stopwords


def setup(app) -> None:
    app.add_search_language(Search)
