import { streamSse } from 'sse-trigger';
import { expect, it } from 'vitest';
import { recorded } from '../../docs/examples/observability/histogram.ts';
import { app, trigger } from '../../docs/examples/observability/metrics.ts';
import { serve } from '../support/serve.ts';
import { openStream } from '../support/stream-client.ts';

it('answers with counts, and records each run', async () => {
  app.get('/ticker', streamSse(trigger, { key: 'ticker', data: () => 1 }));
  await using served = await serve(app);
  await using stream = await openStream(served.url, '/ticker');
  await stream.next();
  const metrics = await (await fetch(`${served.url}/metrics`)).text();
  expect(metrics.split('\n')).toEqual([
    'sse_streams 1',
    'sse_runs_total 1',
    'sse_failures_total 0',
    'sse_unsent 0',
    'sse_store_down 0',
    '',
  ]);
  expect(recorded).toEqual([{ value: expect.any(Number), labels: { route: '/ticker', outcome: 'done' } }]);
  await trigger.close();
});
