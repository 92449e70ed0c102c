"""The Claims page's filters, and what its link may set and hide."""

from controls import Control
from links import Page

from titans_course.claims import CLAIMS
from titans_course.claims.finding import FAILS, HOLDS, PART, UNTESTED
from titans_course.claims.view import ANY, MISSING, sections

VERDICT_NAMES = {ANY: ANY, "holds": HOLDS, "part": PART, "fails": FAILS, "untested": UNTESTED, "missing": MISSING}
NAMES = {verdict: name for name, verdict in VERDICT_NAMES.items()}  # verdict -> its name in links and texts
NOTHING = "none"  # no row is open

JUDGED = Control("judged", "choice", ANY, options=tuple(VERDICT_NAMES))
SECTION = Control("section", "choice", ANY, options=(ANY, *sections()))
ROW = Control("row", "choice", NOTHING, options=(NOTHING, *CLAIMS))
PAGE = Page(
    "claims",
    (JUDGED, SECTION, ROW),
    ("counts", "verdicts", "papers", "measured", "figures", "rule", "command", "measure", "downloads"),
)
