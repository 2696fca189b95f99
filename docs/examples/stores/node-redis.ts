import { createClient } from 'redis';
import { SseTrigger } from 'sse-trigger';
import { NodeRedisStore } from 'sse-trigger/node-redis';

const client = createClient({ url: process.env.REDIS_URL! });    // need not be connected for this
const trigger = new SseTrigger({ store: new NodeRedisStore(client) });

export { trigger };
