import express from 'express';
import request from 'supertest';
import { expect, it } from 'vitest';
import { after } from '../../docs/examples/coming-from-socket-io/after.ts';
import { before } from '../../docs/examples/coming-from-socket-io/before.ts';
import { Notifications } from '../../docs/examples/coming-from-socket-io/notifications.ts';
import { page } from '../../docs/examples/coming-from-socket-io/page.ts';
import { serve } from '../support/serve.ts';
import { Screen, withSessions } from './screen.ts';

/** A client of Socket.IO over long polling: https://socket.io/docs/v4/engine-io-protocol */
class PollingClient {
  readonly #url: string;
  readonly #events: unknown[] = [];

  private constructor(url: string) {
    this.#url = url;
  }

  static async connect(server: string, auth: object): Promise<PollingClient> {
    const url = `${server}/socket.io/?EIO=4&transport=polling`;
    const handshake = await (await fetch(url)).text();
    const client = new PollingClient(`${url}&sid=${JSON.parse(handshake.slice(1)).sid}`);
    await client.#send(`40${JSON.stringify(auth)}`);
    return client;
  }

  async #send(packet: string): Promise<void> {
    expect(await (await fetch(this.#url, { method: 'POST', body: packet })).text()).toBe('ok');
  }

  emit(event: string, ...args: unknown[]): Promise<void> {
    return this.#send(`42${JSON.stringify([event, ...args])}`);
  }

  /** The next event, with its arguments. */
  async next(): Promise<unknown> {
    while (this.#events.length === 0) {
      const packets = (await (await fetch(this.#url)).text()).split('\x1e');
      this.#events.push(
        ...packets.filter((packet) => packet.startsWith('42')).map((packet) => JSON.parse(packet.slice(2))),
      );
    }
    return this.#events.shift();
  }
}

it('was told by an event to a room', async () => {
  const app = express();
  const served = await serve(app);
  const io = before(app, served.server, new Notifications());
  const client = await PollingClient.connect(served.url, { token: 'alice' });
  expect(await client.next()).toEqual(['notifications', []]);
  await request(served.url).post('/users/alice/notifications/hello').expect(201);
  expect(await client.next()).toEqual(['notifications', [{ id: 1, text: 'hello' }]]);
  await client.emit('read', 1);
  expect(await client.next()).toEqual(['notifications', []]);
  io.disconnectSockets(true);
  served.server.closeAllConnections();
  await io.close();
});

it('is now shown what is true, and sends by plain requests', async () => {
  const app = withSessions(express());
  await using _trigger = after(app, new Notifications());
  await using served = await serve(app);
  using nobody = new Screen(served.url);
  page(nobody);
  await nobody.isRefused(401);
  await nobody.post('/notifications/1/read').expect(401);
  using alice = await Screen.of(served.url, 'alice');
  page(alice);
  await alice.shows([]);
  await nobody.post('/users/alice/notifications/hello').expect(201);
  await alice.shows([{ id: 1, text: 'hello' }]);
  await alice.post('/notifications/1/read').expect(204);
  await alice.shows([]);
});
