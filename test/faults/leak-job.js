// Opens and closes `CONNECTIONS` streams in every way in which a stream can end, and prints as JSON what this process holds
// more than before. With `LEAK` the package is made to forget to forget something. Both ends are in this one process, so
// that nothing is left that does not show.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';

const { CONNECTIONS = '20000', LEAK } = process.env;
const AT_ONCE = 50;
/** Fewer than the connections, since the store in memory keeps what was ever watched. */
const SUBJECTS = 1000;
/** Before the first look: what is compiled, pooled and cached then is not made anew by those that follow. */
const WARM_UP = 3000;

/** Those that neither ran nor were stopped; Node does not list the ones that keep no process alive, as most here are. */
const timers = new Set();
const { setTimeout, clearTimeout } = globalThis;
globalThis.setTimeout = (run, ...args) => {
  const timer = setTimeout(
    (...given) => {
      timers.delete(timer);
      run(...given);
    },
    ...args,
  );
  timers.add(timer);
  return timer;
};
globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  clearTimeout(timer);
};

/** Each takes the work away with which the package lets go of a stream. */
const leaks = {
  heartbeats: async () => {
    const { Heartbeats } = await import('../../dist/heartbeats.js');
    Heartbeats.prototype.remove = () => {};
  },
  versions: async () => {
    const { Versions } = await import('../../dist/versions.js');
    Versions.prototype.unwatch = () => {};
  },
  viewers: async () => {
    const { Viewers } = await import('../../dist/viewers.js');
    Viewers.prototype.remove = () => {};
  },
};
if (LEAK !== undefined) await leaks[LEAK]();

const trigger = new SseTrigger({ poll: 200 });
const app = express();
let responses = 0;
let collected = 0;
const registry = new FinalizationRegistry(() => {
  collected += 1;
});
app.use((_req, res, next) => {
  responses += 1;
  registry.register(res);
  next();
});
app.get(
  '/own/:id',
  streamSse(trigger, {
    // In turns a viewer, and so a key, of its own and one that many share.
    subject: async (req) => {
      await setImmediate();
      return req.params.id;
    },
    key: (id) => `own:${id}`,
    data: async (id, { signal }) => {
      await setImmediate();
      signal.throwIfAborted();
      return { id };
    },
    maxPerViewer: 5,
  }),
);
app.get('/all', streamSse(trigger, { key: 'all', data: () => 'everybody' }));
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

/** When a client leaves; the last does not, and waits for the server to end its stream. */
const phases = ['asked', 'opened', 'shown', 'said all', 'ended'];

async function visit(number) {
  const phase = phases[number % phases.length];
  // The subjects of those who wait for the server come again and again, up to `maxPerViewer`.
  const path = number % 3 === 0 ? '/all' : `/own/${phase === 'ended' ? 'same' : number % SUBJECTS}`;
  const socket = connect(port, '127.0.0.1');
  const closed = once(socket, 'close');
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  if (phase === 'asked') await once(socket, 'connect');
  else await until(socket, phase === 'opened' ? 'retry:' : 'data:');
  if (phase === 'ended' && path !== '/all') staying.add(socket);
  else if (phase === 'said all') socket.end();
  else if (number % 2 === 0) socket.destroy();
  else socket.resetAndDestroy();
  socket.resume();
  await (staying.has(socket) ? undefined : closed);
}

/** Clients that the server ends. */
const staying = new Set();

async function until(socket, part) {
  let text = '';
  for await (const some of socket.iterator({ destroyOnReturn: false })) {
    text += some;
    if (text.includes(part)) return;
  }
}

async function visits(count) {
  let next = 0;
  const work = async () => {
    while (next < count) {
      const number = next;
      next += 1;
      await visit(number);
      if (number % 100 === 0) trigger.push('all');
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const socket of staying) socket.destroy();
  staying.clear();
}

/** What is held when all that is garbage has gone. */
async function look() {
  const open = () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  while ((await open()) > 0) await sleep(5);
  let before = -1;
  // What a round frees may hold what the next one frees.
  for (let rounds = 0; rounds < 5 || collected > before; rounds += 1) {
    before = collected;
    await sleep(10);
    globalThis.gc();
  }
  return {
    heap: process.memoryUsage().heapUsed,
    files: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().length,
    timers: timers.size,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    responses: responses - collected,
    streams: trigger.stats().streams,
    keys: trigger.stats().keys,
  };
}

await visits(WARM_UP);
const before = await look();
await visits(Number(CONNECTIONS));
const after = await look();
const { streams, keys } = after;
const grown = { streams, keys };
for (const what of ['heap', 'files', 'handles', 'timers', 'listeners', 'responses'])
  grown[what] = after[what] - before[what];
console.log(JSON.stringify({ connections: responses - WARM_UP, ...grown }));
process.exit();
