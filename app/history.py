"""The browser's history: one entry for each page that was opened, which Back brings back with its settings.

Streamlit makes an entry whenever the server changes the link, and empties the link of the page that is left before it
opens the next one. So Back would lead to the same page without its settings.
"""

from __future__ import annotations

import streamlit as st

# A change of the link alone replaces the entry; when another page opens, the entry that is left gets the link back
# that it had when the visitor clicked.
SCRIPT = """\
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


def keep() -> None:
    """Puts the script into the page; a page has it once, however often it is sent."""
    st.html(SCRIPT, unsafe_allow_javascript=True)
