import type { Express, Request } from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';
import type { Books } from './books.ts';

export function after(app: Express, books: Books): SseTrigger {
  const trigger = new SseTrigger();

  app.post('/books/:id/loans', async (req, res) => {
    const { id } = req.params;
    await books.lend(id);
    trigger.push(`book:${id}`);                          // never fails, and carries nothing
    res.sendStatus(201);
  });

  app.get('/books/:id/stream', streamSse(trigger, {
    subject: (req: Request<{ id: string }>) => req.params.id,
    key: (id) => `book:${id}`,
    data: (id) => books.find(id),
    maxPerViewer: Infinity,                              // or give a viewer
  }));

  return trigger;
}
