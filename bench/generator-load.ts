import type { Measurement } from './measurement.ts';
import type { Stage } from './stage.ts';
import type { Usage } from './usage.ts';

/**
 * What the clients took of their process: its CPU since `before`, at `begin` of performance.now, and its lag since that was
 * asked for.
 */
export async function generatorLoad(
  { generator }: Stage,
  before: Usage,
  begin: number,
): Promise<Measurement['values']> {
  const { cpuMicros } = await generator.usage();
  const micros = (performance.now() - begin) * 1000;
  const { p99Ms } = await generator.lag();
  return {
    generatorCpuPercent: ((cpuMicros - before.cpuMicros) / micros) * 100,
    generatorLagP99Ms: p99Ms,
  };
}
