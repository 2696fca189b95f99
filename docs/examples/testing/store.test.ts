import { storeConformance } from 'sse-trigger/testing';
import { describe, it } from 'vitest';
import { MapStore } from './map-store.ts';

function make() {
  const versions = new Map<string, string>();
  const open = () => new MapStore(versions);
  return { store: open(), another: open };
}

storeConformance('MapStore', make, { describe, it });
