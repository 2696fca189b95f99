import type { Express } from 'express';
import type { Books } from './books.ts';

/** Where the hub is, and what says that this application may publish. */
export interface Hub {
  url: string;
  jwt: string;
}

export function before(app: Express, hub: Hub, books: Books): void {
  app.post('/books/:id/loans', async (req, res) => {
    const { id } = req.params;
    await books.lend(id);
    await fetch(hub.url, {                               // a request to the hub, which may fail or be late
      method: 'POST',
      headers: { Authorization: `Bearer ${hub.jwt}` },
      body: new URLSearchParams({
        topic: `https://example.com/books/${id}`,
        data: JSON.stringify(await books.find(id)),
      }),
    });
    res.sendStatus(201);
  });
}
