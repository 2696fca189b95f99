import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { live } from './life.ts';
import { troubledSchedules } from './schedule.ts';
import { Tally } from './tally.ts';

/** How often it happens at least in a thousand schedules: half of what is usual. */
const LEAST: Readonly<Record<string, number>> = {
  'push taken': 3000,
  'push in vain': 600,
  'push of another program': 190,
  'change that all processes push': 190,
  'change of everything that all processes push': 100,
  'changes that nobody heard of': 80,
  'all keys pushed at once': 200,
  'key that was kept is written': 500,
  'unit: commit': 400,
  'unit: throw before the commit': 150,
  'unit: throw after the commit': 150,
  'unit: lose the answer': 150,
  'inner unit: commit': 75,
  'inner unit: throw before the commit': 30,
  'unit in a unit, which waits': 170,
  'unit in a unit, which catches': 170,
  'unit in a unit, which goes on': 170,
  'commit landed after the first push': 140,
  'push aside, within the unit': 230,
  'push aside, after the unit': 600,

  'store refusing': 75,
  'store silent': 75,
  'node refusing': 65,
  'node silent': 45,
  'way to the store refusing': 50,
  'way to the store silent': 35,
  'read answered at the last moment': 6000,
  'read in part': 250,
  'write in part': 40,
  'read without an answer': 450,
  'write without an answer': 290,
  'write landed after all': 130,
  'store: flush': 75,
  'store: restartEmpty': 75,
  'store: rollBack': 75,
  'node: flush': 75,
  'node: restartEmpty': 75,
  'node: rollBack': 75,
  'rollBack that lost something': 80,
  'wake lost': 3400,
  'wake doubled': 800,
  'wake later than a poll': 800,

  'data failed': 900,
  'data hung': 340,
  'authorize failed': 240,
  'authorize hung': 95,
  'authorize said no': 1400,
  'authorize said until when': 110,
  'permission: no': 110,
  'permission: no, and not pushed': 70,
  'permission expired': 50,
  'stream that was permitted': 4700,
  'stream that was refused': 1300,
  'stream that was unanswered': 500,

  'client takes slowly': 500,
  'client takes nothing': 100,
  'frame that a slow client never got': 170,
  'connection lost': 200,
  'client comes back by itself': 4800,
  'feed that was resumed without a run': 5600,
  'oldest stream of a viewer is replaced': 400,
  'stream ended: stuck': 12,
  'stream ended: lifetime': 3500,
  'stream ended: permission': 500,
  'stream ended: replaced': 400,
  'stream ended: drain': 280,
  'process killed': 110,
  'process closed': 110,
  'stream let in by an answer that was known': 700,
};

/** What is judged when its bound is over, unless trouble excuses it: how often in a thousand of these schedules, and which share. */
const JUDGED: Readonly<Record<string, { readonly often: number; readonly share: number }>> = {
  'look at a page': { often: 21_900, share: 0.518 },
  'look at a guarded page': { often: 6720, share: 0.273 },
  'stream that was to end': { often: 460, share: 0.444 },
};
/** So much of that has to stay, so that nobody excuses much more without a word. */
const STAYS = 0.9;

const SCHEDULES = 500;

describe('schedules', () => {
  const tally = new Tally();
  const inThousand = (what: string) => (tally.of(what) * 1000) / SCHEDULES;

  beforeAll(async () => {
    for (const schedule of fc.sample(troubledSchedules, { numRuns: SCHEDULES, seed: 1 })) {
      tally.add((await live(schedule)).scene.tally);
    }
  }, 120_000);

  it('contain every fault, and each often', () => {
    const rare = Object.keys(LEAST).filter((what) => inThousand(what) < LEAST[what]!);
    expect(rare.map((what) => `${what}: ${inThousand(what)}`)).toEqual([]);
  });

  it.each(Object.entries(JUDGED))('are judged and not only excused: %s', (what, { often, share }) => {
    const [judged, excused] = [inThousand(what), inThousand(`${what}, excused`)];
    expect(judged).toBeGreaterThan(STAYS * often);
    expect(judged / (judged + excused)).toBeGreaterThan(STAYS * share);
  });
});
