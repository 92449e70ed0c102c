// What Streamlit leaves out for keyboards and screen readers. `window.speak(language, names)` is called with the
// language of the page, and the names of Streamlit's own buttons.
if (!window.speak) {
  const BUTTONS = { menu_open: '[data-testid=stExpandSidebarButton]', menu_main: '[data-testid=stMainMenuButton]',
    menu_close: '[data-testid=stSidebarCollapseButton] button' };
  let names = {}, waiting = null;
  const all = (selector) => document.querySelectorAll(selector);
  const scrolls = (box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  const repair = () => {
    waiting = null;
    for (const box of all('.stMain :is(table, pre, .katex-display, .told, .reading)')) {
      if (scrolls(box)) box.tabIndex = 0; // else a keyboard cannot scroll it
      else box.removeAttribute('tabindex');
    }
    for (const place of all('[data-testid=stFileUploaderDropzone]')) place.setAttribute('role', 'group');
    for (const name in names) for (const button of all(BUTTONS[name])) button.ariaLabel = names[name];
  };
  const soon = () => { waiting ??= setTimeout(repair, 200); };
  window.speak = (language, words) => {
    document.documentElement.lang = language;
    names = words;
    soon();
  };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
  window.addEventListener('resize', soon);
}
