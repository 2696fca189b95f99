export { promisesSettled, settled, VirtualClock } from '../../src/testing/virtual-clock.ts';
