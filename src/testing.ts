export type { Clock } from './clock.ts';
export { type ReadEventsOptions, type ReceivedEvent, readEvents } from './testing/read-events.ts';
export {
  type StoreAbility,
  type StoreConformanceOptions,
  type StoreUnderTest,
  storeConformance,
} from './testing/store-conformance.ts';
export { type TestTriggerOptions, testTrigger } from './testing/test-trigger.ts';
export { VirtualClock } from './testing/virtual-clock.ts';
