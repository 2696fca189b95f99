import type { ContestantName } from '../measurement.ts';
import type { Contestant } from './contestant.ts';

/** Each by itself, so that a process holds no others, and is up in half the time. */
const loads: Readonly<Record<ContestantName, () => Promise<Contestant>>> = {
  'sse-trigger': async () => (await import('./sse-trigger.ts')).sseTrigger,
  'literal-port': async () => (await import('./literal-port.ts')).literalPort,
  'bare-node': async () => (await import('./bare-node.ts')).bareNode,
  'bare-express': async () => (await import('./bare-express.ts')).bareExpress,
  'better-sse': async () => (await import('./better-sse.ts')).betterSse,
  'express-sse': async () => (await import('./express-sse.ts')).expressSse,
  'socket.io': async () => (await import('./socket-io.ts')).socketIo,
  nchan: async () => (await import('./nchan.ts')).nchan,
};

export function loadContestant(name: ContestantName): Promise<Contestant> {
  return loads[name]();
}
