import { expect, it } from 'vitest';
import { app, saveThousand, trigger } from '../../docs/examples/how-it-works/count.ts';
import { head, serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

it('shows the last of a thousand pushes at the price of two runs, and nothing to who comes back', async () => {
  await using served = await serve(app);
  const streams = [];
  for (let viewer = 0; viewer < 3; viewer += 1) {
    const stream = await openStream(served.url, '/count/stream');
    expect(await stream.next()).toMatchObject({ data: '0' });
    streams.push(stream);
  }
  expect(trigger.stats()).toMatchObject({ streams: 3, keys: 1, runs: 1, frames: 3 });
  saveThousand();
  const ids = [];
  for (const stream of streams) {
    let event = await stream.next();
    if (event.data !== '1000') event = await stream.next();
    expect(event.data).toBe('1000');
    ids.push(event.id!);
  }
  expect(new Set(ids).size).toBe(1);
  expect(trigger.stats().runs).toBeLessThanOrEqual(3);

  for (const stream of streams) await stream[Symbol.asyncDispose]();
  const { runs, frames } = trigger.stats();
  const back = await head(`${served.url}/count/stream`, { 'last-event-id': ids[0]! });
  let text = '';
  back.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  await until(() => trigger.stats().resumed === 1);
  await trigger.close();
  await until(() => back.readableEnded);
  expect(text).toMatch(/^: open\nretry: \d+\n\nretry: \d+\n\n$/);
  expect(trigger.stats()).toMatchObject({ runs, frames });
});
