import type { Origins } from './origin.ts';

/** The head of an answer, but for `Vary`, to which `VARY` is added. */
export interface Head {
  readonly status: 200 | 204 | 401 | 403 | 405;
  /** Whatever the application has set. */
  readonly fixed: readonly Header[];
  /** What the application has set stays. */
  readonly usual: readonly Header[];
}

type Header = readonly [name: string, value: string];

/** An answer after which an EventSource does not come back. */
export interface GiveUp {
  readonly status: 204 | 401 | 403 | 405;
  /** For people who look. */
  readonly why?: string;
}

/** What an answer depends on. */
export const VARY: readonly string[] = ['Cookie', 'Origin'];

const STREAM = Object.entries({
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
});

/** That of a stream, for a page of `origin`. */
export function streamHead(origin: string | undefined, allowed: Origins): Head {
  return { status: 200, fixed: [], usual: [...STREAM, ...sharing(origin, allowed)] };
}

/** That of an answer that makes an EventSource give up. */
export function giveUpHead({ status, why }: GiveUp, origin: string | undefined, allowed: Origins): Head {
  const fixed: Header[] = [['Cache-Control', 'no-store']];
  if (status === 405) fixed.push(['Allow', 'GET, HEAD']);
  if (why !== undefined) fixed.push(['Content-Type', 'text/plain; charset=utf-8']);
  // A page of another origin that may not know the status would take it for a lost connection, and come back.
  return { status, fixed, usual: sharing(origin, allowed) };
}

/** Lets pages of the origins in `allowed` see the answer. */
function sharing(origin: string | undefined, allowed: Origins): readonly Header[] {
  if (allowed === '*') return [['Access-Control-Allow-Origin', '*']];
  if (origin === undefined || !allowed.includes(origin)) return [];
  return [
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Allow-Credentials', 'true'],
  ];
}
