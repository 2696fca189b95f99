import { keepOpen } from './keep-open.js';
import { openWhileSeen } from './while-seen.js';

const show = (text) => document.querySelector('p').append(`${text} `);

globalThis.showOrders = () => {
  keepOpen('/orders/stream', (source) => {
    source.addEventListener('message', ({ data }) => show(data));
  }, async () => (await fetch('/session')).status !== 401);
};

globalThis.showWhileSeen = () => {
  openWhileSeen('/orders/stream', (source) => source.addEventListener('message', ({ data }) => show(data)));
};

globalThis.showOfAnother = (server) => {
  const source = new EventSource(`${server}/orders/stream`, { withCredentials: true });
  source.addEventListener('message', ({ data }) => show(data));
};
