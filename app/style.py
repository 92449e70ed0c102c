"""What Streamlit's own options cannot set: the look of the pages, and what the browser's Back button restores.

Less empty space, the box of the text, a hint on narrow screens.
Captions, code, the grey of charts and text on the primary colour reach a contrast of 4.5 to 1 here.
"""

# Kinds of words in code -> their colours on light and on dark.
CODE = {
    "keyword": ("#0F5FB0", "#5FA8EE"),
    "operator": ("#A6460A", "#ED8A4A"),
    "string": ("#0B7030", "#3FBF6B"),
    "boolean": ("#0B7030", "#3FBF6B"),
    "number": ("#0B6E63", "#45C0AF"),
    "parameter": ("#00667F", "#33B5DC"),
    "punctuation": ("#59626E", "#9BA3AD"),
    "comment": ("#59626E", "#9BA3AD"),
}

STYLE = """
<style>
.stAppHeader { background: transparent; backdrop-filter: blur(0.8rem); }
.stMainBlockContainer { padding: TOP 3rem 3rem 3rem; }
.stMainBlockContainer > .stVerticalBlock, .st-key-above, .st-key-player { gap: 0.7rem; }
[data-testid="stSidebarHeader"] { height: 2.6rem; padding-top: 0.4rem; padding-bottom: 0; margin-bottom: 0; }
[data-testid="stMetricValue"] { font-size: 1.45rem; line-height: 1.3; }
.stMain h4 { padding: 0 0 0.3rem 0; }
.st-key-corner { position: fixed; top: 0.55rem; right: 3.4rem; width: auto; height: 2.5rem; z-index: 999991; }
[data-testid="stStatusWidget"] { position: relative; right: 12.5rem; }
.st-key-tour_panel { flex-wrap: nowrap; padding: 0.5rem 0.9rem; }
.reading { height: 10.2rem; overflow-y: auto; overflow-wrap: anywhere; font-size: 0.86rem; padding: 0.4rem 0.7rem;
  border: 1px solid rgba(128, 128, 128, 0.35); border-radius: 0.5rem; }
.phone-hint { display: none; margin: 0; opacity: 0.75; }
.stAppHeader a:focus-visible { outline: 2px solid currentColor; outline-offset: -2px; }
[data-testid="stCaptionContainer"] { color: inherit; opacity: 0.78; }
.stPlotlyChart :is(text, tspan)[style*="rgb(128, 132, 149)"] { fill: #59626E !important; fill-opacity: 1 !important; }
[data-testid="stBaseButton-primary"]:not(:disabled) *, .stMultiSelect [data-tag], .stMultiSelect [data-tag] * {
  color: light-dark(#FFFFFF, #14181D); }
button[data-testid^="stBaseButton"]:disabled * { color: light-dark(#59626E, #9BA3AD); opacity: 1; }
@media (max-width: 768px) {
  .stMainBlockContainer { padding: 3.4rem 1rem 3rem 1rem; }
  [data-testid="stMetricValue"] { font-size: 1.15rem; }
  .phone-hint { display: block; }
  .stPlotlyChart .modebar { display: none; }
  .st-key-tour_panel { flex-wrap: wrap; }
  body:has([data-testid="stSidebarCollapseButton"] [aria-expanded="true"]) .st-key-corner { display: none; }
  .stMain .katex { font-size: 0.95em; }
  .stMarkdown table { display: block; overflow-x: auto; }
  .stMarkdown td, .stMarkdown td code { white-space: nowrap; }
}
CODE
</style>
"""


def style(pages: int) -> str:
    """The style sheet; several pages have a bar of links above them."""
    code = [f".stCode .token.{kind} {{ color: light-dark({light}, {dark}); }}" for kind, (light, dark) in CODE.items()]
    return STYLE.replace("TOP", "3.6rem" if pages > 1 else "1.2rem").replace("CODE", "\n".join(code))


# Streamlit makes an entry in the browser's history whenever the server changes the link, and empties the link of the
# page that is left before it opens the next one; so Back would lead to the same page without its settings.
# A change of only the link replaces the entry; when another page opens, the previous entry gets the link back
# that it had when the visitor clicked.
HISTORY = """\
<script>
if (!window.oneEntryAPage) {
  window.oneEntryAPage = true;
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  let left = null;
  document.addEventListener('click', event => {
    const link = event.target.closest('a[href]');
    const stays = !link || event.ctrlKey || event.metaKey || event.shiftKey || link.origin !== location.origin;
    if (!stays && link.pathname !== location.pathname) left = location.href;
  }, true);
  window.addEventListener('popstate', () => { left = null; }, true);
  history.pushState = (state, title, url) => {
    if (new URL(url, location.href).pathname === location.pathname) return replace(state, title, url);
    if (left !== null && new URL(left).pathname === location.pathname) replace(state, title, left);
    left = null;
    push(state, title, url);
  };
}
</script>
"""
