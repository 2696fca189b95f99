import express from 'express';
import { expect, it } from 'vitest';
import { after } from '../../docs/examples/coming-from-mercure/after.ts';
import { before } from '../../docs/examples/coming-from-mercure/before.ts';
import { Books } from '../../docs/examples/coming-from-mercure/books.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';

const lend = async (url: string) => (await fetch(`${url}/books/1/loans`, { method: 'POST' })).status;

it('told a hub what changed, with the new state', async () => {
  const published: unknown[] = [];
  const hub = express().post('/.well-known/mercure', express.urlencoded(), (req, res) => {
    published.push({ ...req.body, authorization: req.headers.authorization });
    res.send('urn:uuid:e1ee88e2-532a-4d6f-ba70-f0f8bd584022');
  });
  await using servedHub = await serve(hub);
  const app = express();
  before(app, { url: `${servedHub.url}/.well-known/mercure`, jwt: 'token' }, new Books());
  await using served = await serve(app);
  expect(await lend(served.url)).toBe(201);
  expect(published).toEqual([
    {
      topic: 'https://example.com/books/1',
      data: '{"id":"1","status":"lent"}',
      authorization: 'Bearer token',
    },
  ]);
});

it('now pushes a key, and streams read the new state', async () => {
  const app = express();
  await using _trigger = after(app, new Books());
  await using served = await serve(app);
  await using stream = await openStream(served.url, '/books/1/stream');
  expect(await stream.next()).toMatchObject({ data: '{"id":"1","status":"here"}' });
  expect(await lend(served.url)).toBe(201);
  expect(await stream.next()).toMatchObject({ data: '{"id":"1","status":"lent"}' });
});
