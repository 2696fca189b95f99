/** Time as the engine sees it. Monotonic, so that setting the machine's clock changes nothing. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Calls `run` once, `delay` ms from now. `hold` keeps the process alive until then. Returns its stop. */
  after(delay: number, run: () => void, options?: { hold?: boolean | undefined }): () => void;
}

/** Node's own timers. They do not keep the process alive unless told so: nothing here is worth that by itself. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, run, { hold = false } = {}) {
    const timer = setTimeout(run, Math.ceil(delay));
    if (!hold) timer.unref();
    return () => clearTimeout(timer);
  },
};
