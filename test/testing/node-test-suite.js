// Run by `node --test`: the suite for stores with a test runner that is not vitest.
import { describe, it } from 'node:test';
import { Keyv } from 'keyv';
import { KeyvStore } from 'sse-trigger/keyv';
import { storeConformance } from 'sse-trigger/testing';

const make = () => {
  const keyv = new Keyv();
  return { store: new KeyvStore(keyv), another: () => new KeyvStore(keyv) };
};
storeConformance('KeyvStore', make, { describe, it });
storeConformance('KeyvStore beside another one', () => ({ ...make(), another: () => make().store }), {
  describe,
  it,
});
