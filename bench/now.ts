/** Microseconds of CLOCK_MONOTONIC, which is one clock for all processes of a machine. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1000;
}
