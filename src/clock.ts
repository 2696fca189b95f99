/** Time as the engine sees it. Monotonic, so that setting the machine's clock changes nothing. */
export interface Clock {
  /** Whole milliseconds since some fixed moment; never goes back. Whole, since a fraction takes 16 bytes wherever it is kept. */
  now(): number;
  /** Calls `run` once, `delay` ms from now; with 0 as soon as everybody else had a turn. `hold` keeps the process alive until then. Returns its stop. */
  after(delay: number, run: () => void, options?: { hold?: boolean | undefined }): () => void;
}

/** Node's own timers. They do not keep the process alive unless told so: nothing here is worth that by itself. */
export const systemClock: Clock = {
  now: () => Math.floor(performance.now()),
  after(delay, run, { hold = false } = {}) {
    if (delay === 0) {
      // Never unref'd: the event loop would sleep on it.
      const turn = setImmediate(run);
      return () => clearImmediate(turn);
    }
    const timer = setTimeout(run, Math.ceil(delay));
    if (!hold) timer.unref();
    // Node keeps the list of a length of time that unref'd timers were cleared of until it would have been over.
    return () => clearTimeout(timer.ref());
  },
};
