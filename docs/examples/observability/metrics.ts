import express from 'express';
import { SseTrigger } from 'sse-trigger';

export const app = express();
export const trigger = new SseTrigger();

app.get('/metrics', (_req, res) => {
  const { streams, runs, failures, unsent, storeDown } = trigger.stats();
  res.type('text/plain').send(
    `sse_streams ${streams}\nsse_runs_total ${runs}\nsse_failures_total ${failures}\nsse_unsent ${unsent}\nsse_store_down ${+storeDown}\n`,
  );
});
