// What this process holds once all that is garbage has gone, for programs that must not hold more and more. Timers are
// counted from the import of this file on, and garbage is collected only with --expose-gc.
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Those that neither ran nor were stopped; Node does not list the ones that keep no process alive, as most here are. */
const timers = new Set();
const { setTimeout, clearTimeout } = globalThis;
globalThis.setTimeout = (run, ...args) => {
  const timer = setTimeout(
    (...given) => {
      timers.delete(timer);
      run(...given);
    },
    ...args,
  );
  timers.add(timer);
  return timer;
};
globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  clearTimeout(timer);
};

let requests = 0;
let collected = 0;
const registry = new FinalizationRegistry(() => {
  collected += 1;
});

/** Goes before all that answers, so that it is known which responses are still held. */
export function countResponse(_req, res, next) {
  requests += 1;
  registry.register(res);
  next();
}

/** @param emitters Whose listeners count, beside those of the process. */
export async function holdings(...emitters) {
  let before = -1;
  // What a round frees may hold what the next one frees.
  for (let rounds = 0; rounds < 5 || collected > before; rounds += 1) {
    before = collected;
    await sleep(10);
    globalThis.gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heap: heapUsed,
    external,
    rss,
    files: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().length,
    timers: timers.size,
    listeners: [process, ...emitters].reduce((sum, emitter) => sum + listenersOf(emitter), 0),
    requests,
    /** Of these, those whose response is still held. */
    responses: requests - collected,
  };
}

function listenersOf(emitter) {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}
