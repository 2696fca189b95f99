import type { Measurement } from './measurement.ts';
import type { Saves } from './pusher.ts';
import type { Size } from './size.ts';
import type { Stage } from './stage.ts';
import { quantile } from './statistics.ts';

/** How late the bench itself was since the generator was asked for its lag the last time, and whether times count all the same. */
export async function lagOf(
  { generator }: Stage,
  { at, begun }: Saves,
  { lagLimit }: Size,
): Promise<Pick<Measurement, 'values' | 'void'>> {
  const { p99Ms: generatorLagP99Ms } = await generator.lag();
  const late = Array.from(begun, (time, index) => (time - at[index]!) / 1000);
  const pusherLagP99Ms = quantile(late, 0.99);
  const lagged = Math.max(pusherLagP99Ms, generatorLagP99Ms) > lagLimit;
  return {
    values: { pusherLagP99Ms, generatorLagP99Ms },
    ...(lagged && { void: `the bench lagged by more than ${lagLimit} ms` }),
  };
}
