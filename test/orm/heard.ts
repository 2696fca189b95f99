import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { until } from '../support/until.ts';

/** Who listens as any program may, and hears everything. */
export interface Ear extends AsyncDisposable {
  /** The notifications since the last time, in the order in which they were committed. */
  heard(): Promise<Heard[]>;
  /** Their keys, sorted; each as often as it was heard. */
  keys(): Promise<string[]>;
}

export interface Heard {
  readonly version: string;
  readonly key: string;
}

export async function openEar(url: string): Promise<Ear> {
  const client = new pg.Client(url);
  await client.connect();
  let payloads: string[] = [];
  client.on('notification', ({ payload = '' }) => void payloads.push(payload));
  await client.query('listen sse_trigger');
  const heard = async () => {
    const mark = randomBytes(8).toString('hex');
    await client.query("select pg_notify('sse_trigger', $1)", [mark]);
    await until(() => payloads.includes(mark));
    const before = payloads.filter((payload) => payload !== mark);
    payloads = [];
    return before.map((payload) => {
      const space = payload.indexOf(' ');
      return { version: payload.slice(0, space), key: payload.slice(space + 1) };
    });
  };
  return {
    heard,
    keys: async () => (await heard()).map(({ key }) => key).sort(),
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}
