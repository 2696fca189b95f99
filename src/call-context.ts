import type { Clock } from './clock.ts';
import type { SseTriggerError } from './errors.ts';
import type { Gate } from './gate.ts';
import type { Poller } from './poller.ts';
import type { Counters } from './stats.ts';

/** What all that watches keys and then calls the application shares. */
export interface CallContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly poller: Poller;
  readonly gate: Gate;
  readonly counters: Counters;
  readonly onError: (error: SseTriggerError) => void;
}
