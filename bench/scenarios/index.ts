import type { Scenario } from '../measurement.ts';
import { burst } from './burst.ts';
import { churn } from './churn.ts';
import { fanOut } from './fan-out.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { processes } from './processes.ts';
import { reconnect } from './reconnect.ts';
import { stuck } from './stuck.ts';

/** In the order in which they are run. */
export const scenarios: readonly Scenario[] = [
  idle,
  memory,
  fanOut,
  latency,
  burst,
  reconnect,
  stuck,
  churn,
  processes,
];
