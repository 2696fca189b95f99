import { Redis } from 'ioredis';
import { SseTrigger } from 'sse-trigger';
import { RedisStore } from 'sse-trigger/redis';

const redis = new Redis(process.env.REDIS_URL!);
const trigger = new SseTrigger({ store: new RedisStore(redis, { prefix: 'shop:sse:' }) });

export { redis, trigger };
