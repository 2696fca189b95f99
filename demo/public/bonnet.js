// What the server has done, live, by a stream of its own that does not count itself.
import { showCrowd } from './crowd.js';
import { glow } from './motion.js';
import { showRestart } from './restart.js';
import { showWire } from './wire.js';

/**
 * @typedef {object} Bonnet
 * @property {number} pid
 * @property {string} startedAt
 * @property {number} rss bytes
 * @property {Record<'streams' | 'keys' | 'checks' | 'runs' | 'frames' | 'heartbeats' | 'resumed', number>} stats
 * @property {number} watching open streams that watch something: bells and the crowd, no exports
 * @property {{ checks: number, runs: number }} loop what one loop a connection would have cost by now
 * @property {{ open: number, size: number, failed: string | null, cost: { ms: number, runs: number, heap: number } | null }} crowd
 * @property {{ at: string, text: string }[]} wire newest last
 */

/** Milliseconds after which a stream is opened again that the browser has given up. */
const AGAIN = 2000;
/** Milliseconds for which it may be away before that is told: it is replaced when who is signed in changes. */
const BLINK = 500;

const processLine = document.getElementById('process');
/** @type {EventSource | undefined} */
let stream;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** When the query ran last, as far as this page has seen: checks and runs of that moment. */
let lastRun = { pid: 0, runs: 0, checks: 0 };

/** Opens it anew, since what it may show depends on who is signed in. */
export function openBonnet() {
  stream?.close();
  stream = undefined;
  // A tab that nobody sees leaves its connection to the others: browsers open only six to a host.
  if (document.hidden) return;
  const opened = new EventSource('/bonnet/stream');
  opened.addEventListener('bonnet', ({ data }) => show(JSON.parse(data)));
  opened.addEventListener('error', () => {
    timer ??= setTimeout(() => {
      processLine.textContent = 'Connecting …';
    }, BLINK);
    if (opened.readyState !== EventSource.CLOSED) return;
    setTimeout(() => {
      if (stream === opened) openBonnet();
    }, AGAIN);
  });
  stream = opened;
}

document.addEventListener('visibilitychange', openBonnet);

/** @param {Bonnet} bonnet */
function show(bonnet) {
  const { pid, rss, startedAt, stats, loop, wire } = bonnet;
  clearTimeout(timer);
  timer = undefined;
  const since = new Date(startedAt).toLocaleTimeString();
  processLine.textContent = `Process ${pid}, since ${since}, ${Math.round(rss / 1e6)} MB`;
  for (const row of document.querySelectorAll('tr[data-count]')) {
    const [here, there] = row.querySelectorAll('td');
    const count = row.dataset.count;
    showNumber(here, stats[count]);
    showNumber(there, loop[count]);
  }
  showSinceRun(pid, stats);
  showCrowd(bonnet);
  showRestart(bonnet);
  showWire(wire);
}

/** @param {Element} cell @param {number | undefined} number */
function showNumber(cell, number) {
  const text = number?.toLocaleString('en') ?? '–';
  if (cell.textContent === text) return;
  const isFirst = cell.textContent === '';
  cell.textContent = text;
  if (!isFirst) glow(cell);
}

/** @param {number} pid @param {Bonnet['stats']} stats */
function showSinceRun(pid, { runs, checks }) {
  if (lastRun.pid !== pid || lastRun.runs !== runs) lastRun = { pid, runs, checks };
  showNumber(document.getElementById('since-run'), checks - lastRun.checks);
}
