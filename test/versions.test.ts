import { expect, it } from 'vitest';
import { Versions } from '../src/versions.ts';

/** The versions of one watched key, and how often they were told to have changed. */
function watching() {
  const versions = new Versions();
  const told = { changes: 0 };
  const changed = () => {
    told.changes += 1;
  };
  versions.watch({ keys: ['a'], changed }, 0);
  return { versions, told };
}

it('a wake before the first read says nothing of the data set, and is no version', () => {
  const { versions, told } = watching();
  versions.wake('a', '1-a');
  expect(versions.of(['a'])).toBeUndefined();
  expect(told.changes).toBe(0);
});

it('the wake of an own push that comes late tells nothing new, whatever was pushed since', () => {
  const { versions, told } = watching();
  versions.read(['a'], [{ token: '1-a', identity: 'x' }], versions.mark());
  versions.acknowledge(new Map([['a', '2-own']]), versions.mark());
  versions.wake('a', '3-other');
  expect(told.changes).toBe(3);
  versions.wake('a', '2-own');
  expect(versions.tokenOf('a')).toBe('3-other');
  expect(told.changes).toBe(3);
});
