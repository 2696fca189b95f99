import { createServer } from 'node:http';
import express, { type Request } from 'express';
import { Redis } from 'ioredis';
import { SseTrigger, streamSse } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';
import { now } from '../now.ts';
import type { Contestant, Settings, StoreRead } from './contestant.ts';
import { listen } from './listen.ts';

const A_DAY = 24 * 60 * 60 * 1000;

/** This package. Its defaults are what others are compared with, but for what a scenario is about. */
export const sseTrigger: Contestant = {
  name: 'sse-trigger',
  protocol: 'event-stream',

  async serve(settings, rows) {
    const store = storeOf(settings);
    const trigger = new SseTrigger({ store, poll: settings.poll, maxRuns: settings.maxRuns });
    const heartbeat = settings.heartbeat || A_DAY;
    const { onlyKey } = settings;
    const stream =
      onlyKey === undefined
        ? streamSse(trigger, {
            subject: (req: Request) => String(req.query.key),
            key: (key) => key,
            data: (key) => rows.read(key),
            heartbeat,
            maxPerViewer: Number.POSITIVE_INFINITY, // no scenario is about it
          })
        : streamSse(trigger, { key: onlyKey, data: () => rows.read(onlyKey), heartbeat });
    const app = express();
    app.get('/stream', stream);
    return {
      port: await listen(createServer(app), settings.port),
      counts: () => {
        const { keys, streams, checks } = trigger.stats();
        return { keys, streams, checks };
      },
      reads: () => (store instanceof NotingStore ? store.reads : []),
    };
  },

  publisher(settings) {
    const trigger = new SseTrigger({ store: storeOf(settings) });
    return { publish: (key) => trigger.push(key) };
  },
};

function storeOf({ redisUrl, wake, noteReads }: Settings): RedisStore {
  const client = new Redis(redisUrl, { lazyConnect: true });
  return noteReads ? new NotingStore(client, { wake }) : new RedisStore(client, { wake });
}

class NotingStore extends RedisStore {
  readonly reads: StoreRead[] = [];

  override read(keys: readonly string[], signal: AbortSignal) {
    this.reads.push({ at: now(), keys: [...keys] });
    return super.read(keys, signal);
  }
}
