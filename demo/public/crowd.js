// The thousand streams that the server opens on itself, over loopback.
import { onPress } from './act.js';
import { ask } from './ask.js';

const button = document.getElementById('crowd');
const says = document.getElementById('crowd-says');
const underWay = document.getElementById('crowd-open');
/** Whether the next press opens them. */
let opens = true;

onPress(button, document.getElementById('try-says'), async () => {
  await ask('/bonnet/crowd', { open: opens });
  return '';
});

/** @param {import('./bonnet.js').Bonnet} bonnet */
export function showCrowd({ crowd }) {
  const { open, size, failed } = crowd;
  opens = size === 0;
  button.textContent = opens ? '1,000 streams' : 'Close them';
  const text = toText(crowd);
  // Read out when it changes, so it is left alone when it does not, and the count stands elsewhere.
  if (says.textContent !== text) says.textContent = text;
  underWay.hidden = open === size || failed !== null;
  underWay.querySelector('progress').value = open;
  underWay.querySelector('span').textContent = `${number(open)} of 1,000`;
}

/** @param {import('./bonnet.js').Bonnet['crowd']} crowd */
function toText({ open, size, failed, cost }) {
  if (cost !== null) {
    const runs = `${number(cost.runs)} callback run${cost.runs === 1 ? '' : 's'}`;
    const memory = `${number(cost.heap / 1000)} kB of heap a stream, both ends`;
    return `${number(size)} opened in ${number(cost.ms)} ms with ${runs}; ${memory}.`;
  }
  if (failed !== null) return `${number(open)} of ${number(size)} opened (${failed}).`;
  if (size > 0) return 'Opening …';
  if (open > 0) return 'Closing …';
  return 'The server opens them on itself, over loopback, and tells what they cost.';
}

/** @param {number} value */
function number(value) {
  return Math.round(value).toLocaleString('en');
}
