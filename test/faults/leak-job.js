// Opens and closes `CONNECTIONS` streams, and prints as JSON what this process holds more than before. Clients leave in each
// phase, or have the server end their streams: by `maxPerViewer`, `lifetime`, a permission that is taken away, a source
// that returns. With `LEAK` something is made to forget to forget. Both ends are in this one process, so that nothing is
// left that does not show.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { eventStream, SseTrigger, streamSse } from 'sse-trigger';
import { countResponse, holdings } from './holdings.js';

const { CONNECTIONS = '20000', LEAK } = process.env;
const AT_ONCE = 50;
/** Fewer than the connections, since the store in memory keeps what was ever watched. */
const SUBJECTS = 1000;
/** Before the first look: what is compiled, pooled and cached then is not made anew by those that follow. Each subject in each kind. */
const WARM_UP = 7000;

const app = express();

/** Each takes the work away with which the package lets go of a stream, or is an application that does not let go. */
const leaks = {
  heartbeats: async () => {
    const { Heartbeats } = await import('../../dist/heartbeats.js');
    const { remove } = Heartbeats.prototype;
    const kept = new Set();
    Heartbeats.prototype.remove = function (visited) {
      kept.add(visited);
      remove.call(this, visited);
    };
  },
  versions: async () => {
    const { Versions } = await import('../../dist/versions.js');
    Versions.prototype.unwatch = () => {};
  },
  viewers: async () => {
    const { Viewers } = await import('../../dist/viewers.js');
    Viewers.prototype.remove = () => {};
  },
  timers: () => {
    app.use((_req, _res, next) => {
      globalThis.setTimeout(() => {}, 3_600_000).unref();
      next();
    });
  },
  listeners: () => {
    process.setMaxListeners(0);
    app.use((_req, _res, next) => {
      process.on('exit', () => {});
      next();
    });
  },
};
if (LEAK !== undefined) await leaks[LEAK]();

const trigger = new SseTrigger({ poll: 200 });
app.use(countResponse);
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
app.get('/brief', streamSse(trigger, { key: 'all', data: () => 'everybody', lifetime: 50 }));
/** Who may look no more. */
const forbidden = new Set();
app.get(
  '/permitted/:id',
  streamSse(trigger, {
    subject: (req) => req.params.id,
    authorize: (id) => !forbidden.has(id),
    authorizeKey: (id) => `role:${id}`,
    key: (id) => `own:${id}`,
    data: (id) => ({ id }),
  }),
);
app.get(
  '/source',
  eventStream(trigger, async function* (req, { signal }) {
    yield { data: 'first' };
    if (req.query.returns === undefined)
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }),
);
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

/** When a client leaves; in the last it does not, and waits for the server to end its stream, if that ever does. */
const phases = ['asked', 'opened', 'shown', 'said all', 'ended'];
/** Seven, so that each is met in each phase and in each way of leaving. */
const kinds = ['all', 'all', 'own', 'own', 'brief', 'permitted', 'source'];

function pathOf(kind, phase, id) {
  // The subjects of those who wait for the server come again and again, up to `maxPerViewer`.
  if (kind === 'own') return `/own/${phase === 'ended' ? 'same' : id}`;
  if (kind === 'permitted') return `/permitted/${id}`;
  if (kind === 'source') return phase === 'ended' ? '/source?returns=now' : '/source';
  return `/${kind}`;
}

async function visit(number) {
  const phase = phases[number % phases.length];
  const kind = kinds[number % kinds.length];
  const id = `${number % SUBJECTS}`;
  const socket = connect(port, '127.0.0.1');
  const closed = once(socket, 'close');
  socket.on('error', () => {});
  socket.write(`GET ${pathOf(kind, phase, id)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  if (phase === 'asked') await once(socket, 'connect');
  else await until(socket, phase === 'opened' ? 'retry:' : 'data:', phase === 'ended' || kind === 'brief');
  if (phase === 'ended' && kind !== 'all') await untilEnded(socket, kind, id);
  else if (phase === 'said all') socket.end();
  // What the server has ended cannot be reset.
  else if (number % 2 === 0 || kind === 'brief') socket.destroy();
  else socket.resetAndDestroy();
  socket.resume();
  if (!staying.has(socket)) await closed;
}

/** Clients whose place somebody else has to take. */
const staying = new Set();

async function untilEnded(socket, kind, id) {
  if (kind === 'own') {
    staying.add(socket);
    return;
  }
  const ended = once(socket.resume(), 'end');
  if (kind === 'permitted') {
    forbidden.add(id);
    trigger.push(`role:${id}`);
  }
  if (!socket.readableEnded) await ended;
  forbidden.delete(id);
}

/** Reads up to `part`, or to the end of a stream that may end before. */
async function until(socket, part, mayEnd) {
  let text = '';
  for await (const some of socket.iterator({ destroyOnReturn: false })) {
    text += some;
    if (text.includes(part)) return;
  }
  if (!mayEnd) throw new Error(`ended before ${part}: ${text}`);
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
  const held = await holdings();
  const { streams, keys } = trigger.stats();
  return { ...held, streams, keys };
}

await visits(WARM_UP);
const before = await look();
await visits(Number(CONNECTIONS));
const after = await look();
const { streams, keys } = after;
const grown = { streams, keys };
for (const what of ['heap', 'files', 'handles', 'timers', 'listeners', 'responses'])
  grown[what] = after[what] - before[what];
console.log(JSON.stringify({ connections: after.requests - before.requests, ...grown }));
process.exit();
