import fc from 'fast-check';
import type { Pace } from './client.ts';
import { type Key, type Viewer, World, type WorldOptions } from './world.ts';

/** Something that happens, `wait` milliseconds after what happened before. */
interface Step {
  readonly wait: number;
  readonly happen: (world: World) => void;
  readonly toString: () => string;
}

export interface Schedule {
  readonly options: WorldOptions;
  readonly steps: readonly Step[];
}

const PROCESSES = 2;
const CLIENTS = 6;

const process = fc.nat(PROCESSES - 1);
const client = fc.nat(CLIENTS - 1);
const key = fc.constantFrom<Key>('a', 'b', 'c');
const wait = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(4000));

function step<T extends unknown[]>(
  name: string,
  args: { [I in keyof T]: fc.Arbitrary<T[I]> },
  happen: (world: World, ...args: T) => void,
): fc.Arbitrary<Step> {
  return fc.tuple(wait, fc.tuple<T>(...args)).map(([ms, values]) => ({
    wait: ms,
    happen: (world) => happen(world, ...values),
    toString: () => `+${ms} ${name}(${values.join(', ')})`,
  }));
}

const save = step('save', [key, process], (world, ...args) => void world.save(...args));
const saveElsewhere = step('saveElsewhere', [key], (world, ...args) => world.saveElsewhere(...args));
const connect = step(
  'connect',
  [client, process, fc.boolean(), fc.constantFrom<Pace>('well', 'well', 'slowly')],
  (world, ...args) => world.connect(...args),
);
const comeBack = step('comeBack', [client, process], (world, ...args) =>
  world.connect(...args, false, 'well'),
);
const disconnect = step('disconnect', [client], (world, ...args) => world.disconnect(...args));

const viewer = fc.constantFrom<Viewer>('ann', 'bob');
// More often no than not, so that there is something to end.
const allowed = fc.constantFrom(true, false, false);

const saves = [save, saveElsewhere];
const permit = step(
  'permit',
  [viewer, allowed, fc.option(process, { freq: 3, nil: undefined })],
  (world, ...args) => void world.permit(...args),
);
const visits = [connect, comeBack, disconnect];
const troubles = [
  step('lag', [client, fc.constantFrom<Pace>('slowly', 'not')], (world, ...args) => world.lag(...args)),
  step('goOn', [client], (world, ...args) => world.goOn(...args)),
  step('storeIs', [fc.constantFrom('refusing', 'silent'), fc.nat(6000)], (world, ...args) =>
    world.storeIs(...args),
  ),
  step('callbacksAre', [fc.constantFrom('failing', 'hanging'), fc.nat(6000)], (world, ...args) =>
    world.callbacksAre(...args),
  ),
  step('answersAre', [fc.constantFrom('failing', 'hanging'), fc.nat(6000)], (world, ...args) =>
    world.answersAre(...args),
  ),
  step('loseData', [fc.constantFrom('flush', 'restartEmpty', 'rollBack')], (world, ...args) =>
    world.loseData(...args),
  ),
  step('restart', [process, fc.constantFrom('killed', 'closed')], (world, ...args) => world.restart(...args)),
];

const seed = fc.noBias(fc.integer());

const size = {
  seed,
  processes: fc.constant(PROCESSES),
  clients: fc.constant(CLIENTS),
  // To read, seed and read again takes six ways, which have to fit one storeTimeout.
  latency: fc.constantFrom(0, 20, 160),
  callback: fc.constantFrom(0, 50, 1500),
};

/** Everything that the package says it survives, at once and in any order. */
export const troubledSchedules: fc.Arbitrary<Schedule> = fc.record({
  options: fc.record({
    ...size,
    wakes: fc.record({
      lost: fc.constantFrom(0, 0.5, 1),
      doubled: fc.constantFrom(0, 0.5),
      latest: fc.constantFrom(0, 20, 5000),
    }),
  }),
  steps: fc.array(fc.oneof(...saves, ...saves, ...visits, ...visits, permit, ...troubles), {
    minLength: 5,
    maxLength: 40,
  }),
});

/** Clients that stay, no trouble, and wakes that come at once or not at all: here runs can be counted. */
export const calmSchedules: fc.Arbitrary<Schedule> = fc.record({
  options: fc.record({
    ...size,
    wakes: fc.record({
      lost: fc.constantFrom(0, 0.5, 1),
      doubled: fc.constantFrom(0, 0.5),
      latest: fc.constant(0),
    }),
  }),
  steps: fc.array(fc.oneof(...saves), { minLength: 1, maxLength: 10 }),
});

export async function live(
  { options, steps }: Schedule,
  changes: Partial<WorldOptions> = {},
): Promise<World> {
  const world = new World({ ...options, ...changes });
  await play(world, steps);
  await world.settle();
  return world;
}

export async function play(world: World, steps: readonly Step[]): Promise<void> {
  for (const { wait: ms, happen } of steps) {
    await world.clock.advance(ms);
    happen(world);
  }
}

/** All clients come before anything happens, and stay; more runs than pushes can explain are a violation. */
export async function liveCalmly(
  { options, steps }: Schedule,
  changes: Partial<WorldOptions> = {},
): Promise<World> {
  const world = new World({ ...options, ...changes });
  for (let index = 0; index < CLIENTS; index += 1) world.connect(index, index % PROCESSES, true, 'well');
  await world.clock.advance(world.bound);
  world.countRuns();
  await play(world, steps);
  await world.settle();
  return world;
}
