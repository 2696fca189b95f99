// A restart, and what it cost: the new process tells how many streams came back with a position that still stood.
import { onPress } from './act.js';
import { ask, Unreachable } from './ask.js';

/** Milliseconds without any news after which no other process is waited for. */
const NO_PROCESS = 20_000;
/** The same for streams: clients take up to five seconds until they come back. */
const NO_STREAM = 6000;

const button = document.getElementById('restart');
const says = document.getElementById('restart-says');
/** The latest news. @type {import('./bonnet.js').Bonnet | undefined} */
let present;
/** The news when the button was pressed, until the report. @type {import('./bonnet.js').Bonnet | undefined} */
let before;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

const offer =
  'The process drains and hands its versions to a new one (Redis would keep them): whoever missed nothing costs no callback.';
says.textContent = offer;
// There is nothing yet to compare with.
button.ariaDisabled = 'true';

onPress(button, document.getElementById('try-says'), async () => {
  before = present;
  button.ariaDisabled = 'true';
  const { pid } = before;
  wait(`Process ${pid} drains …`, NO_PROCESS, `Process ${pid}: no other one has taken its place yet.`);
  try {
    await ask('/bonnet/restart', {});
  } catch (error) {
    // A process that drains answers nobody: then another screen was first.
    if (error instanceof Unreachable) return '';
    finish(offer);
    throw error;
  }
  return '';
});

/** @param {import('./bonnet.js').Bonnet} bonnet */
export function showRestart(bonnet) {
  present = bonnet;
  if (before === undefined) button.ariaDisabled = 'false';
  else if (before.pid !== bonnet.pid) showReturn(before, bonnet);
}

/** @param {import('./bonnet.js').Bonnet} gone @param {import('./bonnet.js').Bonnet} bonnet */
function showReturn(gone, { pid, stats, watching, crowd }) {
  // The crowd lives in the process, and may end with it.
  const all = gone.watching - (crowd.size === 0 ? gone.crowd.open : 0);
  const back = Math.min(watching, all);
  const streams =
    back < all ? `${back.toLocaleString('en')} of ${counted(all, 'stream')}` : counted(all, 'stream');
  const report = `Process ${gone.pid} → ${pid}: ${streams} came back, ${counted(stats.runs, 'callback')} ran`;
  // A stream counts as open before it is known whether anything has to run for it.
  if (back === all && (stats.resumed >= all || stats.runs > 0)) finish(`${report}.`);
  // Some may never come: a tab that was closed meanwhile.
  else wait(`${report} …`, NO_STREAM, `${report}.`);
}

/** Says `text`, and `report` when nothing new comes within `ms`. @param {string} text @param {number} ms @param {string} report */
function wait(text, ms, report) {
  if (says.textContent === text) return;
  says.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => finish(report), ms);
}

/** @param {string} report */
function finish(report) {
  clearTimeout(timer);
  before = undefined;
  button.ariaDisabled = 'false';
  says.textContent = report;
}

/** @param {number} count @param {string} noun */
function counted(count, noun) {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
