import express from 'express';
import type { SseTriggerError } from '../../src/errors.ts';
import { type Handler, SseTrigger, type SseTriggerOptions } from '../../src/index.ts';
import { type Served, serve } from './serve.ts';
import { openStream, type StreamClient } from './stream-client.ts';

/** A trigger with an application on a free port. Both end when it is disposed of. */
export interface StreamApp extends AsyncDisposable {
  readonly trigger: SseTrigger;
  readonly served: Served;
  /** What `onError` was told. */
  readonly errors: SseTriggerError[];
  /** Opens the stream, and resolves when its first bytes have come. */
  open(path?: string, headers?: Readonly<Record<string, string>>): Promise<StreamClient>;
}

/** `mount` says what the application answers with, by path. */
export async function streamApp(
  mount: (trigger: SseTrigger) => Readonly<Record<string, Handler>> | Handler,
  options: SseTriggerOptions = {},
): Promise<StreamApp> {
  const errors: SseTriggerError[] = [];
  const trigger = new SseTrigger({ onError: (error) => errors.push(error), ...options });
  const app = express();
  const mounted = mount(trigger);
  const handlers = typeof mounted === 'function' ? { '/': mounted } : mounted;
  for (const [path, handler] of Object.entries(handlers)) app.get(path, handler);
  const served = await serve(app);
  return {
    trigger,
    served,
    errors,
    open: (path = '/', headers = {}) => openStream(served.url, path, { headers }),
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await trigger.close();
    },
  };
}
