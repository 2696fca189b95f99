import { queryObjects } from 'node:v8';

/** Node tells only of those that keep a process alive, and knows the class by no name. */
const Timeout = timeoutClass();

/** How many timers this process holds, of whatever kind, after garbage collection. */
export function countTimers(): number {
  return queryObjects(Timeout, { format: 'count' });
}

function timeoutClass() {
  const timer = setTimeout(() => {}, 0);
  clearTimeout(timer);
  return timer.constructor;
}
