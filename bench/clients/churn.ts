import type { Protocol } from '../contestants/contestant.ts';
import { now } from '../now.ts';
import { Client, type ClientListener } from './client.ts';

/** Clients that come and go. */
export interface ChurnPlan {
  readonly port: number;
  readonly protocol: Protocol;
  /** What they watch, a client each. */
  readonly keys: readonly string[];
  /** Connects, and as many disconnects. */
  readonly perSecond: number;
}

export interface ChurnResult {
  readonly opened: number;
  /** Connections that ended although nobody here closed them. */
  readonly lost: number;
}

/** Each stays for a second; at the end all have gone. */
const STAY = 1e6;

/** Opens and closes clients, in open loop. */
export async function churn({ port, protocol, keys, perSecond }: ChurnPlan): Promise<ChurnResult> {
  const result = { opened: 0, lost: 0 };
  const holder: ClientListener = {
    opened: () => result.opened++,
    row: () => {},
    comment: () => {},
    lost: () => result.lost++,
  };
  const staying: { client: Client; until: number }[] = [];
  const start = now();
  let next = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const time = now();
      for (; next < keys.length && start + (next / perSecond) * 1e6 <= time; next++) {
        const client = new Client(next, keys[next]!, protocol, holder);
        client.open(port);
        staying.push({ client, until: time + STAY });
      }
      while (staying.length > 0 && staying[0]!.until <= time) staying.shift()!.client.close();
      if (next < keys.length || staying.length > 0) return;
      clearInterval(timer);
      resolve(result);
    }, 5);
  });
}
