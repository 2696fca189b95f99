/** Looks that a lost data set causes come spread over this many milliseconds. */
const SPREAD = 5000;
const FIRST_BACKOFF = 1000;
const LAST_BACKOFF = 30_000;

/** How long to wait before what a lost data set causes, so that it does not all come in one moment. */
export function pauseAfterLoss(random: () => number): number {
  return SPREAD * random();
}

/** How long to wait after a call of the application that failed after so many failures: ever longer, up to 30 s. */
export function pauseAfterFailure(failures: number, random: () => number): number {
  const longest = Math.min(FIRST_BACKOFF * 2 ** failures, LAST_BACKOFF);
  return longest * (0.5 + 0.5 * random());
}
