"""Takes the README's pictures of the app: `python tools/screenshots.py [FOLDER]` (by default docs/)."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browsing import browser, serve, settle  # noqa: E402

DESK, PHONE = {"width": 1400, "height": 1000}, {"width": 390, "height": 844}
PICTURES = {  # file: (colour scheme, what follows the address, viewport, the button that is pressed)
    "simulator-light.png": ("light", "", DESK, None),
    "simulator-dark.png": ("dark", "", DESK, None),
    "simulator-failure.png": ("light", "", DESK, "beta too large"),
    "anatomy-light.png": ("light", "anatomy?auto=false", DESK, None),
    "variants-light.png": ("light", "variants", DESK, None),
    "miras-light.png": ("light", "miras", DESK, None),
    "operations-light.png": ("light", "operations", DESK, None),
}


def take(folder: Path, pictures: dict = PICTURES) -> None:
    """Saves each picture into `folder`."""
    with tempfile.TemporaryDirectory() as logs, serve(Path(logs)) as server, browser() as chromium:
        for name, (scheme, query, viewport, button) in pictures.items():
            page = chromium.new_page(viewport=viewport, color_scheme=scheme)
            page.goto(server.url + query)
            settle(page)
            if button is not None:
                page.locator(".st-key-failure").get_by_text(button).click()
                page.get_by_text("is said to cause").wait_for()
                page.mouse.move(0, 0)
            page.wait_for_timeout(2500)  # fonts and the last transition
            page.screenshot(path=folder / name)
            page.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
