import { existsSync } from 'node:fs';
import type { ContestantName } from '../measurement.ts';
import { bareExpress } from './bare-express.ts';
import { bareNode } from './bare-node.ts';
import { betterSse } from './better-sse.ts';
import type { Contestant } from './contestant.ts';
import { expressSse } from './express-sse.ts';
import { literalPort } from './literal-port.ts';
import { nchan } from './nchan.ts';
import { socketIo } from './socket-io.ts';
import { sseTrigger } from './sse-trigger.ts';

export const contestants: Readonly<Record<ContestantName, Contestant>> = {
  'sse-trigger': sseTrigger,
  'literal-port': literalPort,
  'bare-node': bareNode,
  'bare-express': bareExpress,
  'better-sse': betterSse,
  'express-sse': expressSse,
  'socket.io': socketIo,
  nchan,
};

/** Whether what it takes is installed. */
export function isHere(name: ContestantName): boolean {
  const { needs } = contestants[name];
  return needs === undefined || existsSync(needs);
}
