// What the Admin UI does not know by itself: that it is served by the server that it is for. Loaded before it.
'use strict';

(() => {
  const { auth, namespace, path } = document.currentScript.dataset;
  try {
    localStorage.setItem('namespace', namespace);
    localStorage.setItem('path', path);
    if (auth === 'none') localStorage.setItem('server_url', location.origin); // it then connects at once
  } catch {
    // A browser that keeps nothing: the form has to be filled in.
  }
  if (auth === 'none') return;
  // The form's first field is the server's address. Vue reads a field when it says that it has been changed.
  const observer = new MutationObserver(() => {
    const field = document.querySelector('.v-dialog form input');
    if (!field) return;
    observer.disconnect();
    if (field.value !== '') return;
    field.value = location.origin;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  observer.observe(document, { childList: true, subtree: true });
})();
