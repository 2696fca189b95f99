import express from 'express';
import { type SseTrigger, streamSse } from '../../src/index.ts';

/** A stream that counts what is asked of the application. */
export function countedStream(trigger: SseTrigger, heartbeat?: number) {
  const calls = { subject: 0, key: 0, data: 0 };
  const handler = streamSse(trigger, {
    subject: () => {
      calls.subject += 1;
      return 7;
    },
    key: (id) => {
      calls.key += 1;
      return `user:${id}`;
    },
    data: (id) => {
      calls.data += 1;
      return { id };
    },
    heartbeat,
  });
  return { calls, handler, app: express().use('/stream', handler) };
}
