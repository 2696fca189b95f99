import { SLOWEST_KEY } from './bounds.ts';
import type { WorldOptions } from './scene.ts';
import type { Schedule, Step } from './schedule.ts';
import { World } from './world.ts';

/** Lets a world go through a schedule, and gives it when all is over. */
export type Life = (schedule: Schedule, changes?: Partial<WorldOptions>) => Promise<World>;

/** Pages are opened and closed as the schedule says, or come back by themselves. */
export const live: Life = async ({ options, steps }, changes = {}) => {
  const world = new World({ ...options, ...changes });
  if (options.isCrowded) world.browsers.openAll();
  await play(world, steps);
  await world.settle();
  return world;
};

/** All clients come before anything happens, and stay; more runs than pushes can explain are a violation. */
export const liveCalmly: Life = async ({ options, steps }, changes = {}) => {
  const world = new World({ ...options, ...changes });
  const { clock, tabs, bounds, application, processes } = world.scene;
  for (const tab of tabs) world.browsers.open(tab, world.scene.process(tab.index), 'well');
  await clock.advance(SLOWEST_KEY + bounds.convergence + bounds.answer);
  application.calls.countRuns(processes);
  await play(world, steps);
  await world.settle();
  return world;
};

async function play(world: World, steps: readonly Step[]): Promise<void> {
  for (const { wait, happen } of steps) {
    await world.scene.clock.advance(wait);
    happen(world);
  }
}
