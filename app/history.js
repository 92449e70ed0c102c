// Streamlit makes an entry in the browser's history whenever the server changes the link, and empties the link of the
// page that is left before it opens the next one; so Back would lead to the same page without its settings.
// A change of only the link replaces the entry; when another page opens, the previous entry gets the link back
// that it had when the visitor clicked.
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
