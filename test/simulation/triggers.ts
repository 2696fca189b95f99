import type { Engine } from '../../src/engine.ts';
import type { Store } from '../../src/store.ts';
import { ENGINE, SseTrigger } from '../../src/trigger.ts';

/** Node goes through all that ever kept an async context whenever it makes a promise, so there are to be few of them. */
const spare: SseTrigger[] = [];

/** The real trigger, over an engine in virtual time. It has to be given back. */
export function borrowTrigger(engine: Engine, store: Store): SseTrigger {
  return Object.assign(spare.pop() ?? new SseTrigger({ store }), { [ENGINE]: engine });
}

export function giveBack(trigger: SseTrigger): void {
  spare.push(trigger);
}
