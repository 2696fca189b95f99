import { describe, it } from 'vitest';
import type { Reading } from '../../src/store.ts';
import {
  storeConformance as conformance,
  type StoreAbility,
  type StoreUnderTest,
} from '../../src/testing/store-conformance.ts';

/** The suite that store authors have, for our own stores. */
export function storeConformance(
  name: string,
  abilities: readonly StoreAbility[],
  make: () => Promise<StoreUnderTest> | StoreUnderTest,
): void {
  conformance(name, make, { describe, it, abilities });
}

/** The deadline of a call that is meant to succeed. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(5_000);
}

export function tokensOf(readings: readonly Reading[]): (string | undefined)[] {
  return readings.map((reading) => {
    if (reading instanceof Error) throw reading;
    return reading?.token;
  });
}

export function identityOf(reading: Reading): string {
  if (reading === undefined || reading instanceof Error)
    throw new Error('there is no version', { cause: reading });
  return reading.identity;
}
