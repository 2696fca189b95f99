// A restart, and what it cost: the new process tells how many streams came back with a position that still stood.
import { onPress } from './act.js';
import { ask } from './ask.js';

/** @typedef {{ pid: number, streams: number, crowd: number }} Process `streams` with those of the crowd */

const says = document.getElementById('restart-says');
/** The one that was seen last. @type {Process | undefined} */
let present;
/** The one that is to go, as it was when the button was pressed, until all its streams are back. @type {Process | undefined} */
let before;

say('The process drains its streams, and a new one takes its place.');

onPress(document.getElementById('restart'), document.getElementById('try-says'), async () => {
  before ??= present;
  try {
    await ask('/bonnet/restart', {});
  } catch (error) {
    before = undefined;
    throw error;
  }
  if (before !== undefined) say(`Process ${before.pid} drains …`);
  return '';
});

/** @param {import('./bonnet.js').Bonnet} bonnet */
export function showRestart({ pid, stats, crowd }) {
  present = { pid, streams: stats.streams, crowd: crowd.open };
  if (before !== undefined && before.pid !== pid) showReturn(before, pid, stats, crowd);
}

/** @param {Process} gone @param {number} pid @param {{ streams: number, runs: number, resumed: number }} stats @param {{ size: number }} crowd */
function showReturn(gone, pid, { streams, runs, resumed }, crowd) {
  // The crowd lives in the process, and may end with it.
  const all = gone.streams - (crowd.size === 0 ? gone.crowd : 0);
  // A stream counts as open before it is known whether anything has to run for it.
  const areBack = streams >= all && (resumed >= all || runs > 0);
  const what = areBack
    ? `${counted(all, 'stream')} came back, ${counted(runs, 'callback')} ran.`
    : `${Math.min(streams, all).toLocaleString('en')} of ${counted(all, 'stream')} came back …`;
  say(`Process ${gone.pid} → ${pid}: ${what}`);
  if (areBack) before = undefined;
}

/** @param {number} count @param {string} noun */
function counted(count, noun) {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** @param {string} text */
function say(text) {
  if (says.textContent !== text) says.textContent = text;
}
