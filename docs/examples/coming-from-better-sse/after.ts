import type { Express, Request } from 'express';
import { eventStream, SseTrigger, streamSse } from 'sse-trigger';
import type { Orders } from './orders.ts';

export function after(app: Express, orders: Orders): SseTrigger {
  const trigger = new SseTrigger();

  app.get('/orders/:id/stream', streamSse(trigger, {
    subject: (req: Request<{ id: string }>) => req.params.id,
    key: (id) => `order:${id}`,
    data: (id) => orders.find(id),
    eventName: 'order',
    maxPerViewer: Infinity,                              // or give a viewer
  }));

  app.post('/orders/:id/ship', async (req, res) => {
    const { id } = req.params;
    await orders.ship(id);
    trigger.push(`order:${id}`);
    res.sendStatus(204);
  });

  async function* lines(): AsyncGenerator<string> {
    yield* ['one', 'two'];
  }

  app.get('/lines/stream', eventStream(trigger, async function* () {
    for await (const line of lines()) yield { event: 'line', data: line };
  }));

  return trigger;
}
