// The one stream that all bells of this screen share, since browsers open only six connections to a host.
import { askSessionSoon } from './session.js';

const light = document.getElementById('light');
/** @type {EventSource | undefined} */
let stream;

/** @param {(bells: import('./bell.js').Bell[]) => void} show */
export function openBells(show) {
  closeBells();
  showLight('Connecting …');
  stream = new EventSource('/notifications/stream');
  stream.addEventListener('bells', ({ data }) => show(JSON.parse(data).users));
  stream.addEventListener('open', () => showLight('Live'));
  stream.addEventListener('error', () => {
    showLight('Connecting …');
    // Otherwise the browser comes back by itself.
    if (stream.readyState === EventSource.CLOSED) askSessionSoon();
  });
}

export function closeBells() {
  stream?.close();
  stream = undefined;
  showLight('');
}

/** @param {'Live' | 'Connecting …' | ''} text */
function showLight(text) {
  light.textContent = text;
  light.classList.toggle('live', text === 'Live');
}
