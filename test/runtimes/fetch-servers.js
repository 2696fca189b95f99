// What Bun's and Deno's own servers make of `streamResponse`: `npm run test:nodes -- bun deno`, which hands over the command
// that runs files (RUNTIME) and the example that is to be served (EXAMPLE).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readEvents } from '../../dist/testing.js';

const { RUNTIME = '', EXAMPLE = '' } = process.env;
const PATH = '/notifications/stream';
const ANN = { cookie: 'user=ann' };

describe(EXAMPLE, { timeout: 180_000 }, () => {
  /** @type {Awaited<ReturnType<typeof start>>} */
  let app;
  before(async () => {
    app = await start();
  });
  after(() => app?.end());

  /** @type {ReturnType<typeof readEvents>[]} */
  let opened = [];
  afterEach(async () => {
    for (const stream of opened) await stream.return();
    opened = [];
    // Whoever has gone is let go.
    await app.until(({ streams }) => streams === 0);
  });

  /** @param {import('sse-trigger/testing').ReadEventsOptions} [options] */
  const open = ({ headers, ...options } = {}) => {
    const stream = readEvents(app.url, PATH, { ...options, headers: { ...ANN, ...headers } });
    opened.push(stream);
    return stream;
  };

  it('runs the callback once a change for all, and not for a client that has its result', async () => {
    const { runs } = await app.tell('say first');
    const streams = [open(), open()];
    for (const stream of streams) assert.equal((await next(stream)).data, 'first');
    await app.tell('say second');
    const [{ id }, other] = [await next(streams[0]), await next(streams[1])];
    assert.deepEqual(other, { id, data: 'second' });
    const back = open({ headers: { 'last-event-id': id }, everything: true });
    assert.equal((await next(back)).comment, 'open');
    assert.equal((await app.tell('stats')).runs, runs + 2);
    await app.tell('say third');
    assert.equal((await next(back)).data, 'third');
  });

  it('refuses strangers and pages of other sites', async () => {
    const statusOf = async (headers) => (await fetch(app.url + PATH, { headers })).status;
    assert.equal(await statusOf({}), 401);
    assert.equal(await statusOf({ ...ANN, 'sec-fetch-site': 'cross-site' }), 403);
  });

  it('keeps a stream open that has nothing to say', async () => {
    const stream = open({ deadline: 20_000, everything: true });
    while ((await next(stream)).data === undefined);
    assert.deepEqual(await next(stream), { comment: '' });
    await app.tell('say later');
    assert.equal((await next(stream)).data, 'later');
  });

  it('skips what a client does not take, and cuts off one that takes nothing', async () => {
    const earlier = await app.tell('stats');
    const socket = connect(app.port, '127.0.0.1');
    socket.write(`GET ${PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${ANN.cookie}\r\n\r\n`);
    await once(socket, 'data');
    socket.pause();
    assert.ok((await app.tell('flood 40')).conflated > earlier.conflated + 10);
    await app.until((stats) => stats.closed.stuck > earlier.closed.stuck);
    // One way of ending it is a reset.
    const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
    socket.resume();
    await closed;
    await app.tell('say at last');
  });

  it('tells its clients to come back when it drains', async () => {
    const stream = open({ everything: true });
    while ((await next(stream)).data === undefined);
    await app.tell('drain');
    assert.deepEqual(Object.keys(await next(stream)), ['retry']);
    assert.equal((await stream.next()).done, true);
  });
});

/** @param {ReturnType<typeof readEvents>} stream */
async function next(stream) {
  const { value } = await stream.next();
  assert.ok(value, 'the stream has ended');
  return value;
}

/** The example, served by the runtime, as long as its stdin is open. */
async function start() {
  const [program = '', ...args] = RUNTIME.split(' ');
  const file = fileURLToPath(new URL('serve.js', import.meta.url));
  const child = spawn(program, [...args, file, EXAMPLE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close').catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const port = Number((await lines.next()).value);
  assert.ok(port > 0, `${RUNTIME} has printed no port`);
  /** @param {string} command @returns {Promise<import('sse-trigger').Stats>} */
  const tell = async (command) => {
    child.stdin.write(`${command}\n`);
    return JSON.parse((await lines.next()).value);
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    tell,
    /** @param {(stats: import('sse-trigger').Stats) => boolean} holds Asked until it is true; the test's own time limits it. */
    async until(holds) {
      while (!holds(await tell('stats'))) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async end() {
      child.stdin.end();
      await ended;
    },
  };
}
