import type { Express } from 'express';
import { Registry } from 'prom-client';
import { SseTrigger, type SseTriggerOptions } from 'sse-trigger';
import { observe } from './opentelemetry.ts';
import { countErrors, exposeStats, timeRuns } from './prometheus.ts';

/** Whatever the application logs with. */
interface Log {
  warn(fields: object, message: string): void;
}

export function measured(app: Express, options: SseTriggerOptions, log: Log): SseTrigger {
  const registry = new Registry();
  const count = countErrors(registry);
  const trigger = new SseTrigger({
    ...options,
    onError(error) {
      const { code, message, key, route, cause } = error;
      count(error);
      log.warn({ code, key, route, cause }, message);
    },
  });
  exposeStats(trigger, registry);
  timeRuns(registry);
  observe(trigger);

  app.get('/metrics', async (_req, res) => {
    res.type(registry.contentType).send(await registry.metrics());
  });
  app.get('/live', (_req, res) => res.sendStatus(204)); // never asks the store: a restart would not mend it
  return trigger;
}
