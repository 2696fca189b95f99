// The last frames, as they went over the wire to the users of this screen.

const log = document.getElementById('wire');
log.tabIndex = 0; // so that it can be scrolled with the keyboard
/** What shows, to see whether there is anything new. */
let shown = '';

/** @param {{ at: string, text: string }[]} wire newest last */
export function showWire(wire) {
  const now = JSON.stringify(wire);
  if (now === shown) return;
  shown = now;
  // Whoever has scrolled up reads, and is left alone.
  const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
  log.replaceChildren(...wire.map(toEntry));
  if (wasAtEnd) log.scrollTop = log.scrollHeight;
}

export function forgetWire() {
  showWire([]);
}

/** @param {{ at: string, text: string }} frame */
function toEntry({ at, text }) {
  const entry = document.createElement('div');
  const time = document.createElement('time');
  time.dateTime = at;
  time.textContent = new Date(at).toLocaleTimeString();
  const written = document.createElement('pre');
  written.append(...text.trimEnd().split('\n').map(toLine));
  entry.append(time, written);
  return entry;
}

/** Characters that turn the direction of writing, by which some would show elsewhere than they were sent. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The name of its field stands out. @param {string} line */
function toLine(line) {
  const end = line.indexOf(':') + 1;
  const field = document.createElement('b');
  field.textContent = line.slice(0, end);
  const whole = document.createElement('span');
  whole.append(field, `${line.slice(end).replace(TURNS, toEscape)}\n`);
  return whole;
}

/** As JSON may write it, too. @param {string} character */
function toEscape(character) {
  return `\\u${character.codePointAt(0).toString(16).padStart(4, '0')}`;
}
