"""The look of the pages (`style.css`), what Back restores (`history.js`), what screen readers need (`access.js`)."""

import json
from pathlib import Path

from texts import language, say

HERE = Path(__file__).parent
STYLE, HISTORY, ACCESS = ((HERE / name).read_text("utf8") for name in ("style.css", "history.js", "access.js"))
BUTTONS = ("menu_open", "menu_close", "menu_main")  # Streamlit's own


def style() -> str:
    """The style sheet, with what stands on the button of the menu."""
    return f"<style>{STYLE}:root {{ --menu: '{say('menu')}'; }}</style>"


def script() -> str:
    """The scripts of all pages, in the session's language; one that has run in a page runs no second time."""
    names = json.dumps({name: say(name) for name in BUTTONS}, ensure_ascii=False)
    return f"<script>{HISTORY}{ACCESS}speak('{language()}', {names});</script>"
