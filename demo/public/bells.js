// The one stream that all bells of this screen share, since browsers open only six connections to a host.
import { askSessionSoon } from './session.js';

/** Milliseconds for which a stream may be away before the light says so: that of a session is replaced when who is signed in changes. */
const BLINK = 500;

const light = document.getElementById('light');
/** @type {EventSource | undefined} */
let stream;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

// Until it is known who is signed in.
showLight('Connecting …');

/** @param {(bells: import('./bell.js').Bell[]) => void} show */
export function openBells(show) {
  stream?.close();
  showLightSoon('Connecting …');
  stream = new EventSource('/notifications/stream');
  stream.addEventListener('bells', ({ data }) => show(JSON.parse(data).users));
  stream.addEventListener('open', () => showLight('Live'));
  stream.addEventListener('error', () => {
    showLightSoon('Connecting …');
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
  clearTimeout(timer);
  timer = undefined;
  light.textContent = text;
  light.classList.toggle('live', text === 'Live');
}

/** @param {'Connecting …'} text */
function showLightSoon(text) {
  // A browser that tries again meanwhile does not put it off.
  timer ??= setTimeout(showLight, BLINK, text);
}
