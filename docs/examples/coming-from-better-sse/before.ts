import { createChannel, createSession } from 'better-sse';
import type { Express } from 'express';
import type { Orders } from './orders.ts';

export function before(app: Express, orders: Orders): undefined {
  const channels = new Map<string, ReturnType<typeof createChannel>>();

  app.get('/orders/:id/stream', async (req, res) => {
    const { id } = req.params;
    const session = await createSession(req, res);
    const channel = channels.get(id) ?? createChannel();
    channels.set(id, channel);
    channel.register(session);
    session.push(await orders.find(id), 'order');        // or the page waits for the first change
  });

  app.post('/orders/:id/ship', async (req, res) => {
    const { id } = req.params;
    await orders.ship(id);
    channels.get(id)?.broadcast(await orders.find(id), 'order');
    res.sendStatus(204);
  });
}
