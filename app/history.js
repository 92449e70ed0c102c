// What the browser keeps for all pages: the token that tape and curves show, and entries of its history.
//
// Streamlit makes an entry whenever the server changes the link, and empties the link of the page that is left before
// it opens the next one; so Back would lead to the same page without its settings. A change of only the link replaces
// the entry; when another page opens, the previous entry gets the link back that it had when the visitor clicked.
//
// The token is put into the link here, and the server is not told of it. Pages, tape and curves all bring this code,
// as none of them knows which of them comes first.
if (!window.titans) {
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  const REST = 300; // milliseconds without a move before the token is put into the link: browsers limit such changes
  let left = null, resting = null;
  let placed = false, home = null; // whether a person has put the token where it is; the page that it belongs to
  const titans = (window.titans = {
    token: null,
    watchers: new Set(),
    // `from` names who moves the token: 'page' where it opens by itself.
    move(token, from) {
      if (token === titans.token) return;
      titans.token = token;
      for (const watcher of titans.watchers) watcher(token, from);
    },
    watch(watcher) {
      titans.watchers.add(watcher);
      return () => titans.watchers.delete(watcher);
    },
  });
  // Whether a click leads to another page of the app.
  titans.leads = (event) => {
    const link = event.target.closest('a[href]');
    const stays = !link || event.ctrlKey || event.metaKey || event.shiftKey || link.origin !== location.origin;
    return !stays && link.pathname !== location.pathname;
  };
  const withToken = (url) => {
    const whole = new URL(url ?? location.href, location.href);
    if (titans.token === null || whole.pathname !== home) return whole;
    if (placed) whole.searchParams.set('token', titans.token);
    else whole.searchParams.delete('token');
    return whole;
  };
  titans.watch((token, from) => {
    [placed, home] = [from !== 'page', location.pathname];
    clearTimeout(resting);
    if (token !== null) resting = setTimeout(() => replace(history.state, '', withToken()), REST);
  });
  document.addEventListener('click', event => {
    if (!titans.leads(event)) return;
    clearTimeout(resting);
    left = withToken().href;
  }, true);
  window.addEventListener('popstate', () => { left = null; }, true);
  history.pushState = (state, title, url) => {
    if (new URL(url, location.href).pathname === location.pathname) return replace(state, title, withToken(url));
    if (left !== null && new URL(left).pathname === location.pathname) replace(state, title, left);
    left = null;
    push(state, title, url);
  };
  history.replaceState = (state, title, url) => replace(state, title, withToken(url));
}
