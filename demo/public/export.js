// All notifications of a user as a file, which the server sends in parts, so that one sees how far it is.

/**
 * @param {Element} card of the user's bell
 * @param {string} user
 * @returns {() => void} stops it, and lets the file go
 */
export function followExport(card, user) {
  const says = card.querySelector('.says');
  const link = card.querySelector('.file');
  const button = card.querySelector('.export');
  /** Those that the server has not ended. @type {Set<EventSource>} */
  const sources = new Set();

  button.addEventListener('click', () => {
    if (button.ariaDisabled === 'true') return;
    button.ariaDisabled = 'true';
    letGo();
    sources.add(follow());
  });

  function follow() {
    const progress = card.querySelector('progress');
    const source = new EventSource(`/notifications/export?user=${encodeURIComponent(user)}`);
    const lines = [];
    let complete = false;
    progress.removeAttribute('value'); // how much it is, nobody knows yet
    progress.ariaLabel = `Export for ${user}`;
    progress.hidden = false;
    says.classList.remove('wrong');
    says.textContent = '';

    source.addEventListener('rows', ({ data }) => {
      const { done, total, lines: more } = JSON.parse(data);
      lines.push(...more);
      complete = done === total;
      progress.max = Math.max(total, 1);
      progress.value = complete ? progress.max : done;
      if (complete) offer(lines, total);
    });
    // It is not closed here: a native EventSource comes back, and the server tells it that this was all.
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return;
      sources.delete(source);
      if (complete) return;
      button.ariaDisabled = 'false';
      progress.hidden = true;
      says.classList.add('wrong');
      says.textContent = 'The export broke off. Please try again.';
    });
    return source;
  }

  /** @param {string[]} lines @param {number} total */
  function offer(lines, total) {
    // Spreadsheets take a file for UTF-8 only if it begins with a byte order mark.
    const file = new Blob(['\ufeff', ...lines.map((line) => `${line}\r\n`)], { type: 'text/csv' });
    link.href = URL.createObjectURL(file);
    link.download = `notifications-${user}.csv`;
    link.textContent = `Download ${total} notification${total === 1 ? '' : 's'}`;
    link.hidden = false;
    says.textContent = 'The export is complete.';
    button.ariaDisabled = 'false';
  }

  function letGo() {
    if (link.hidden) return;
    URL.revokeObjectURL(link.href);
    link.hidden = true;
  }

  return () => {
    for (const source of sources) source.close();
    letGo();
  };
}
