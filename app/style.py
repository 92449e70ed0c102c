"""The look of the pages (`style.css`), and what the browser's Back button restores (`history.js`)."""

from pathlib import Path

HERE = Path(__file__).parent
STYLE = (HERE / "style.css").read_text("utf8")
HISTORY = f"<script>{(HERE / 'history.js').read_text('utf8')}</script>"


def style(pages: int) -> str:
    """The style sheet; several pages have a bar of links above them."""
    return f"<style>{STYLE}:root {{ --top: {'3.6rem' if pages > 1 else '1.2rem'}; }}</style>"
