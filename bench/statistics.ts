/** The quantiles in which a distribution is kept: enough to draw it up to its tail. */
export const QUANTILES: readonly number[] = [
  0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1,
];

/** The smallest value that at least `share` (0 to 1) of all do not exceed. NaN when there are none. */
export function quantile(values: readonly number[], share: number): number {
  return quantiles(values, [share])[0]!;
}

export function quantiles(values: readonly number[], shares: readonly number[] = QUANTILES): number[] {
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
}

/** The middle value; of an even number the mean of the middle two. NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const upper = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[upper]!;
  return (sorted[upper - 1]! + sorted[upper]!) / 2;
}
