import type { SseTriggerError } from '../../src/errors.ts';
import { isEverything } from '../../src/shared-key.ts';
import { POLL } from './bounds.ts';
import type { Browsers } from './browsers.ts';
import type { SimConnection } from './connection.ts';
import { SimProcess } from './process.ts';
import type { Pushes } from './pushes.ts';
import type { Scene } from './scene.ts';
import { SimStore } from './store.ts';

/** So that a poll of some keys comes in parts. */
const POLL_AT_ONCE = 2;

/** Starts processes of the application and ends them. */
export class Processes {
  readonly #scene: Scene;
  readonly #pushes: Pushes;
  readonly #browsers: Browsers;
  /** All that ever were. */
  readonly #all: SimProcess[] = [];

  constructor(scene: Scene, pushes: Pushes, browsers: Browsers) {
    this.#scene = scene;
    this.#pushes = pushes;
    this.#browsers = browsers;
    for (let index = 0; index < scene.options.processes; index += 1) this.#start(index);
  }

  get violations(): readonly string[] {
    return this.#all.flatMap(({ store }) => store.violations);
  }

  /** A process ends and is started again; its clients come back somewhere, some other time. */
  restart(number: number, how: 'killed' | 'closed'): void {
    const { clock, processes, tally } = this.#scene;
    const index = number % processes.length;
    const host = processes[index]!;
    tally.count(`process ${how}`);
    host.isAlive = false;
    host.release();
    this.#start(index);
    if (how === 'killed') {
      host.store.cut();
      this.#pushes.lose(host);
      this.#browsers.lose(host);
    } else {
      // Streams are ended at once, and what was kept is written if the store takes it.
      const closed = host.engine.close();
      clock.after(0, () => this.#browsers.lose(host));
      void closed.then(() => this.#pushes.lose(host));
    }
  }

  /** All clients have gone, and all pushes are over. */
  expectNothingLeft(): void {
    const { processes, tally, violations } = this.#scene;
    for (const { engine } of this.#all) {
      const { streams, keys, closed, resumed, conflated } = engine.stats();
      if (streams + keys > 0) violations.push(`${streams} streams and ${keys} keys left when all had gone`);
      for (const [reason, times] of Object.entries(closed)) tally.count(`stream ended: ${reason}`, times);
      tally.count('feed that was resumed without a run', resumed);
      tally.count('frame that a slow client never got', conflated);
    }
    for (const { engine, kept } of processes) {
      const { unsent } = engine.stats();
      if (unsent + kept.size > 0) violations.push(`${unsent} keys were never written: ${[...kept.keys()]}`);
    }
  }

  close(): void {
    for (const { engine } of this.#all) void engine.close();
    for (const process of this.#scene.processes) process.release();
  }

  #start(index: number): void {
    const { options, clock, random, server, bounds, troubles, losses, oracle, permissions, processes } =
      this.#scene;
    const { newToken, latency, storeTimeout, maxRuns, lifetime, isSharing } = options;
    const store: SimStore = new SimStore(
      server,
      clock,
      random,
      latency,
      {
        onHang: (call) => {
          // A push that waits is not true yet, while streams wait for a read.
          if (call === 'write') return () => {};
          const trouble = troubles.begin('store', ({ host }) => host === process);
          return () => {
            trouble.endsIn();
            const ofIt = ({ host }: SimConnection) => host === process;
            oracle.expectPromised('all when a read has ended', ofIt);
            permissions.expectPushed(ofIt);
          };
        },
        onWrite: (keys) => this.#pushes.write(process, keys),
        // Everything is pushed once more: all look, and ask who may look, some time within the spread.
        onLand: (keys) => {
          if (isSharing && keys.some(isEverything)) losses.add(undefined, clock.now());
        },
      },
      { chance: options.slowReads, ms: bounds.storeTimeout - 1 },
    );
    const process: SimProcess = new SimProcess(
      {
        store,
        lifetime,
        clock,
        random: random.pause,
        newToken: newToken?.(index, clock) ?? (() => this.#scene.newToken()),
        poll: POLL,
        pollAtOnce: POLL_AT_ONCE,
        storeTimeout: storeTimeout ?? bounds.storeTimeout,
        maxRuns,
        maxStreams: Number.POSITIVE_INFINITY,
        maxUnsent: 1000,
        onError: (error) => this.#told(error),
      },
      (host, push) => void this.#pushes.begin(host, push),
    );
    if (isSharing) process.engine.share();
    processes[index] = process;
    this.#all.push(process);
  }

  #told({ code, message }: SseTriggerError): void {
    const { clock, losses, tally, violations } = this.#scene;
    tally.count(`told: ${code}`);
    // What is lost just after it was seeded looks like it.
    const isLost = !losses.wereMadeUpFor(clock.now());
    if (code === 'unsent_full' || (code === 'key_unreadable' && !isLost)) {
      violations.push(`told without reason: ${message}`);
    }
  }
}
