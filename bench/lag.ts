import type { Measurement } from './measurement.ts';
import type { Saves } from './pusher.ts';
import type { Size } from './size.ts';
import type { Stage } from './stage.ts';
import { quantile } from './statistics.ts';

/** Of a time that is judged, how much the bench's own lag may be. */
const SHARE = 1 / 2;

/**
 * How late the bench itself was since the generator was asked for its lag the last time, up to the last receipt. Where that
 * is more than half of `judgedMs`, the p99 that is to be told, it is void; a lag of `lagLimit` is always let pass.
 */
export async function lagOf(
  { generator }: Stage,
  { at, begun }: Saves,
  judgedMs: number,
  { lagLimit }: Size,
): Promise<Pick<Measurement, 'values' | 'void'>> {
  const { p99Ms: generatorLagP99Ms } = await generator.lag();
  const late = Array.from(begun, (time, index) => (time - at[index]!) / 1000);
  const pusherLagP99Ms = quantile(late, 0.99);
  const limit = Math.max(lagLimit, judgedMs * SHARE);
  const lagged = Math.max(pusherLagP99Ms, generatorLagP99Ms) > limit;
  return {
    values: { pusherLagP99Ms, generatorLagP99Ms },
    ...(lagged && { void: `the bench lagged by more than ${limit.toFixed(1)} ms` }),
  };
}
