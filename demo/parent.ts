import { once } from 'node:events';

/** What a server hands to the one that takes its place. */
export interface Handover {
  port: number;
  /** The versions that were in its memory. */
  versions: [key: string, version: unknown][];
  /** Its crowd, if it had one. */
  crowd?: { lastId?: string | undefined } | undefined;
}

/** Whether keep-running.js has started this process, and would start another one in its place. */
export const hasParent: boolean = process.send !== undefined;

// Ctrl-C in a terminal goes to parent and child, but only the parent says when to end.
if (hasParent) for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});

/** What the server before this one has handed over; undefined when this is the first. */
export async function takeOver(): Promise<Handover | undefined> {
  if (!hasParent) return undefined;
  const [message] = process.connected
    ? await Promise.race([once(process, 'message'), once(process, 'disconnect')])
    : [];
  // An end was wanted before it all began.
  if (message === undefined) process.exit();
  return message.handover;
}

/** Has the parent start another process when this one has ended, unless it wants an end of all by now. */
export async function handOver(handover: Handover): Promise<void> {
  await new Promise<void>((resolve) => process.send!(handover, () => resolve()));
}

/** How long an end may take, in milliseconds, wherever it finds this process. A drain takes a second of it. */
const DEADLINE = 5000;

/**
 * Resolves when this process is to end: on a signal, and with a parent when that says so or has ended itself. A database
 * that does not answer would keep it for good, so it ends at the deadline, whatever it is doing then.
 */
export async function untilStopped(): Promise<void> {
  // Without a parent, a second signal ends it at once.
  if (!hasParent) await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  else if (process.connected) await once(process, 'disconnect');
  const giveUp = () => {
    console.error(`The server could not end within ${DEADLINE / 1000} seconds, and was cut off.`);
    process.exit(1);
  };
  setTimeout(giveUp, DEADLINE).unref();
}

/** Lets this process end, which the connection to its parent would keep. */
export function detach(): void {
  if (process.connected) process.disconnect();
}
