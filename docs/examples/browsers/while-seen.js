import { keepOpen } from './keep-open.js';

/** Has a stream only while somebody can see the page. */
export function openWhileSeen(url, listen) {
  let close;
  const follow = () => {
    close?.();
    close = document.visibilityState === 'visible' ? keepOpen(url, listen) : undefined;
  };
  document.addEventListener('visibilitychange', follow);
  follow();
}
