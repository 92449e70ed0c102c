"""What Streamlit's own options do not set: less empty space, the box of the text, a hint on narrow screens."""

STYLE = """
<style>
.stAppHeader { background: transparent; }
.stMainBlockContainer { padding: TOP 3rem 3rem 3rem; }
.stMainBlockContainer > .stVerticalBlock { gap: 0.7rem; }
[data-testid="stSidebarHeader"] { height: 2.6rem; padding-top: 0.4rem; padding-bottom: 0; margin-bottom: 0; }
[data-testid="stMetricValue"] { font-size: 1.45rem; line-height: 1.3; }
.stMain h4 { padding: 0; }
.reading { height: 10.2rem; overflow-y: auto; overflow-wrap: anywhere; font-size: 0.86rem; padding: 0.4rem 0.7rem;
  border: 1px solid rgba(128, 128, 128, 0.35); border-radius: 0.5rem; }
.phone-hint { display: none; margin: 0; opacity: 0.75; }
@media (max-width: 768px) {
  .stMainBlockContainer { padding: 3.4rem 1rem 3rem 1rem; }
  [data-testid="stMetricValue"] { font-size: 1.15rem; }
  .phone-hint { display: block; }
  .stMain .katex { font-size: 0.95em; }
}
</style>
"""


def style(pages: int) -> str:
    """The style sheet; several pages have a bar of links above them."""
    return STYLE.replace("TOP", "3.6rem" if pages > 1 else "1.2rem")
