/**
 * Opens an EventSource, and another one whenever the browser has given up. `listen` gets each of them; `isWelcome` says
 * whether it is worth another try. Returns its stop.
 */
export function keepOpen(url, listen, isWelcome = async () => true) {
  let source;
  let timer;
  let pause = 1_000;
  let isOver = false;

  function open() {
    source = new EventSource(url);
    source.addEventListener('open', () => {
      pause = 1_000;
    });
    source.addEventListener('error', ({ target }) => {
      if (target.readyState !== EventSource.CLOSED) return;    // the browser comes back by itself
      timer = setTimeout(openAgain, pause * (0.5 + Math.random()));
      pause = Math.min(2 * pause, 60_000);
    });
    listen(source);
  }

  async function openAgain() {
    if ((await isWelcome().catch(() => true)) && !isOver) open();
  }

  open();
  return () => {
    isOver = true;
    clearTimeout(timer);
    source.close();
  };
}
