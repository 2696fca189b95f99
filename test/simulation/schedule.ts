import fc from 'fast-check';
import { LONGEST_TROUBLE } from './bounds.ts';
import type { Pace } from './connection.ts';
import type { Place } from './faults.ts';
import type { Permit } from './grants.ts';
import { KEYS, VIEWERS, VISITORS } from './pages.ts';
import { plans } from './plans.ts';
import type { WorldOptions } from './scene.ts';
import type { World } from './world.ts';

/** Something that happens, `wait` milliseconds after what happened before. */
export interface Step {
  readonly wait: number;
  readonly happen: (world: World) => void;
  readonly toString: () => string;
}

export interface Schedule {
  readonly options: WorldOptions;
  readonly steps: readonly Step[];
}

const process = fc.nat(2);
const client = fc.nat(VISITORS.length - 1);
const key = fc.constantFrom(...KEYS);
const wait = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(4000));
const duration = fc.nat(LONGEST_TROUBLE);

function step<T extends unknown[]>(
  name: string,
  args: { [I in keyof T]: fc.Arbitrary<T[I]> },
  happen: (world: World, ...args: T) => void,
): fc.Arbitrary<Step> {
  return fc.tuple(wait, fc.tuple<T>(...args)).map(([ms, values]) => ({
    wait: ms,
    happen: (world) => happen(world, ...values),
    toString: () => `+${ms} ${name}(${values.map((value) => fc.stringify(value)).join(', ')})`,
  }));
}

const save = step('save', [key, process], (world, ...args) => world.save(...args));
const saveElsewhere = step('saveElsewhere', [key], (world, ...args) => world.saveElsewhere(...args));
const rush = step('rush', [process], (world, ...args) => world.rush(...args));

const announce = step('announce', [key], (world, ...args) => world.announcements.change(...args));
const miss = step('miss', [process], (world, ...args) => world.announcements.miss(...args));
const announceAll = step('announceAll', [], (world) => world.announcements.changeAll());

const work = step('work', [process, plans], (world, ...args) => world.work(...args));

const pace = fc.constantFrom<Pace>('well', 'slowly');
const connect = step('connect', [client, process, fc.boolean(), pace], (world, index, number, anew, pace) => {
  const tab = world.scene.tabs[index]!;
  if (anew) tab.client.reload();
  world.browsers.open(tab, world.scene.process(number), pace);
});
const disconnect = step('disconnect', [client], (world, index) =>
  world.browsers.leave(world.scene.tabs[index]!),
);
const cut = step('cut', [client], (world, index) => world.browsers.cut(world.scene.tabs[index]!));
const cutSlow = step('cutSlow', [], (world) => world.browsers.cutSlow());
const lag = step('lag', [client, fc.constantFrom<Pace>('slowly', 'not')], (world, index, pace) =>
  world.browsers.lag(world.scene.tabs[index]!, pace),
);
const goOn = step('goOn', [client], (world, index) => world.browsers.goOn(world.scene.tabs[index]!));

const viewer = fc.constantFrom(...VIEWERS);
// More often no than not, so that there is something to end.
const permit: fc.Arbitrary<Permit> = fc.oneof(
  fc.constant('yes' as const),
  fc.constant('no' as const),
  fc.constant('no' as const),
  fc.nat(10_000),
);
const change = step(
  'permit',
  [viewer, permit, fc.option(process, { freq: 3, nil: undefined })],
  (world, ...args) => void world.grants.change(...args),
);

const place: fc.Arbitrary<Place> = fc.oneof(
  { arbitrary: fc.constant('everywhere' as const), weight: 1 },
  { arbitrary: fc.record({ node: fc.nat(1) }), weight: 2 },
  { arbitrary: fc.record({ process }), weight: 1 },
);
const storeIs = step('storeIs', [fc.constantFrom('refusing', 'silent'), place, duration], (world, ...args) =>
  world.faults.storeIs(...args),
);
const loseData = step(
  'loseData',
  [fc.constantFrom('flush', 'restartEmpty', 'rollBack'), fc.option(fc.nat(1), { nil: undefined })],
  (world, ...args) => world.faults.loseData(...args),
);
const badly = fc.constantFrom('failing', 'hanging');
const callbacksAre = step('callbacksAre', [badly, duration], (world, ...args) =>
  world.faults.callbacksAre(...args),
);
const answersAre = step('answersAre', [badly, duration], (world, ...args) =>
  world.faults.answersAre(...args),
);
const restart = step('restart', [process, fc.constantFrom('killed', 'closed')], (world, ...args) =>
  world.processes.restart(...args),
);

const size = {
  seed: fc.noBias(fc.integer()),
  slow: fc.constantFrom(0, 0.5, 1),
  slowReads: fc.constantFrom(0, 0, 0.3),
  isSharing: fc.boolean(),
  isCrowded: fc.constantFrom(false, true, true),
  processes: fc.constantFrom(2, 1, 3),
  nodes: fc.constantFrom(1, 2, 2),
  latency: fc.constantFrom(0, 20, 120),
  callback: fc.constantFrom(0, 50, 1500),
  maxRuns: fc.constantFrom(16, 4, 1),
};

/** Everything that the package says it survives, at once and in any order. */
export const troubledSchedules: fc.Arbitrary<Schedule> = fc.record({
  options: fc.record({
    ...size,
    lifetime: fc.constant(30_000),
    wakes: fc.record({
      lost: fc.constantFrom(0, 0.5, 1),
      doubled: fc.constantFrom(0, 0.5),
      latest: fc.constantFrom(0, 20, 5000),
    }),
  }),
  steps: fc.array(
    fc.oneof(
      { arbitrary: save, weight: 3 },
      { arbitrary: saveElsewhere, weight: 2 },
      { arbitrary: rush, weight: 1 },
      { arbitrary: announce, weight: 2 },
      { arbitrary: announceAll, weight: 1 },
      { arbitrary: miss, weight: 1 },
      { arbitrary: work, weight: 3 },
      { arbitrary: connect, weight: 4 },
      { arbitrary: disconnect, weight: 1 },
      { arbitrary: cut, weight: 1 },
      { arbitrary: cutSlow, weight: 1 },
      { arbitrary: lag, weight: 2 },
      { arbitrary: goOn, weight: 1 },
      { arbitrary: change, weight: 2 },
      { arbitrary: storeIs, weight: 2 },
      { arbitrary: loseData, weight: 2 },
      { arbitrary: callbacksAre, weight: 1 },
      { arbitrary: answersAre, weight: 1 },
      { arbitrary: restart, weight: 1 },
    ),
    { minLength: 5, maxLength: 20, size: 'max' },
  ),
});

/** Clients that stay, no trouble, and wakes that come at once or not at all: here runs can be counted. */
export const calmSchedules: fc.Arbitrary<Schedule> = fc.record({
  options: fc.record({
    ...size,
    lifetime: fc.constant(300_000),
    wakes: fc.record({
      lost: fc.constantFrom(0, 0.5, 1),
      doubled: fc.constantFrom(0, 0.5),
      latest: fc.constant(0),
    }),
  }),
  steps: fc.array(fc.oneof(save, saveElsewhere, rush, announce, work), { minLength: 1, maxLength: 10 }),
});
