import KeyvRedis from '@keyv/redis';
import { Keyv } from 'keyv';
import { SseTrigger } from 'sse-trigger';
import { KeyvStore } from 'sse-trigger/keyv';

const keyv = new Keyv(new KeyvRedis(process.env.REDIS_URL!));
keyv.on('error', () => {});    // KeyvStore tells onError what matters to streams
const trigger = new SseTrigger({ store: new KeyvStore(keyv) });

export { keyv, trigger };
