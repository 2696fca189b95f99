import '../session-data.ts';
import type { EventSource } from 'eventsource';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import type { SseTrigger } from 'sse-trigger';

/** What the recipes take for granted: an application with sessions, and a Redis. */
export interface Parts {
  app: Express;
  trigger: SseTrigger;
  redis: Redis;
}

/** A page in a browser. */
export interface Page {
  EventSource: new (url: string) => Pick<EventSource, 'addEventListener' | 'close'>;
  show(what: unknown): void;
}
