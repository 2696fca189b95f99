import { EVERYTHING, withShared } from '../../src/shared-key.ts';
import type { Health } from './application.ts';
import { LAST_BACKOFF } from './bounds.ts';
import type { Condition, Loss, SimNode } from './node.ts';
import { DATA_TIMEOUT } from './process.ts';
import type { Scene } from './scene.ts';
import { LANDING } from './store.ts';
import type { Where } from './troubles.ts';

/** Whom the store has trouble with: everybody, those with keys of one of its nodes, or one process. */
export type Place = 'everywhere' | { readonly node: number } | { readonly process: number };

/** Everything that may go wrong beside pages that come and go, and what the guarantee says of it. */
export class Faults {
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  storeIs(condition: Exclude<Condition, 'up'>, place: Place, ms: number): void {
    const { clock, options, processes, troubles, losses, oracle, permissions, tally, bounds } = this.#scene;
    const { name, sufferers, concerns } = this.#locate(place);
    if (sufferers.some(({ state }) => state !== 'up')) return;
    tally.count(`${name} ${condition}`);
    for (const sufferer of sufferers) sufferer.state = condition;
    const trouble = troubles.begin('store', concerns);
    troubles.echoes(ms);
    clock.after(ms, () => {
      for (const sufferer of sufferers) sufferer.state = 'up';
      trouble.endsIn();
      // Who could never read it may have missed a push of everything, and looks and asks as after a loss.
      const isNews = processes.some(({ store }) => !store.answered.has(EVERYTHING));
      if (options.isSharing && isNews) losses.add(undefined, clock.now());
      // What was kept is written then, and seen; what is under way lands.
      troubles.echoes(LANDING + 2 * bounds.convergence);
      oracle.expectPromised(`all after the ${name} was ${condition}`);
      permissions.expectPushed();
    });
  }

  loseData(how: Loss, node: number | undefined): void {
    const { clock, server, random, tally, losses, oracle, permissions } = this.#scene;
    const nodes = node === undefined ? server.nodes : [this.#node(node)];
    const mark = losses.mark();
    for (const one of nodes) {
      tally.count(`${nodes.length < server.nodes.length ? 'node' : 'store'}: ${how}`);
      if (how !== 'rollBack') one[how]();
      else if (one.rollBack(random.upTo(6000))) tally.count('rollBack that lost something');
      losses.add(one, clock.now());
    }
    permissions.lost(mark);
    // What was pushed before is to be seen all the same.
    oracle.expectPromised(`all after ${how}`);
  }

  callbacksAre(health: Exclude<Health, 'well'>, ms: number): void {
    const { clock, application, permissions, troubles, tally, bounds } = this.#scene;
    if (application.data !== 'well') return;
    tally.count(`data ${health}`);
    application.data = health;
    const trouble = troubles.begin('callbacks');
    troubles.echoes(ms);
    clock.after(ms, () => {
      application.data = 'well';
      // Those that hang by then are in the way until they are given up.
      trouble.endsIn(DATA_TIMEOUT);
      clock.after(DATA_TIMEOUT, () => permissions.expectAll());
      troubles.echoes(DATA_TIMEOUT + LAST_BACKOFF + bounds.convergence);
    });
  }

  answersAre(health: Exclude<Health, 'well'>, ms: number): void {
    const { clock, application, permissions, troubles, tabs, tally, bounds } = this.#scene;
    if (application.answers !== 'well') return;
    tally.count(`authorize ${health}`);
    application.answers = health;
    const needsPermission = ({ tab }: Where) => tabs[tab]!.page.guard !== undefined;
    const trouble = troubles.begin('answers', needsPermission);
    // Calls that hang take up room at the gate.
    const gate = troubles.begin('callbacks', health === 'hanging' ? undefined : needsPermission);
    troubles.echoes(ms);
    clock.after(ms, () => {
      application.answers = 'well';
      gate.endsIn(DATA_TIMEOUT);
      const settled = DATA_TIMEOUT + LAST_BACKOFF + bounds.convergence;
      trouble.endsIn(settled);
      clock.after(settled, () => permissions.expectAll());
    });
  }

  #locate(place: Place): {
    readonly name: string;
    readonly sufferers: readonly { state: Condition }[];
    readonly concerns: (where: Where) => boolean;
  } {
    const { clock, server, options, troubles, bounds } = this.#scene;
    const since = clock.now();
    if (place !== 'everywhere' && 'process' in place) {
      const process = this.#scene.process(place.process);
      return {
        name: 'way to the store',
        sufferers: [process.store],
        concerns: ({ host }) => host === process,
      };
    }
    const nodes = place === 'everywhere' ? server.nodes : [this.#node(place.node)];
    return {
      name: nodes.length < server.nodes.length ? 'node' : 'store',
      sufferers: nodes,
      concerns: ({ keys, openedAt }) => {
        // Those that could not read them yet wait for the versions that all share, too.
        const isOpening = troubles.lasted('store', openedAt, bounds.convergence) > since - bounds.convergence;
        const all = options.isSharing && isOpening ? withShared(keys) : keys;
        return all.some((key) => nodes.includes(server.nodeOf(key)));
      },
    };
  }

  #node(number: number): SimNode {
    const { nodes } = this.#scene.server;
    return nodes[number % nodes.length]!;
  }
}
