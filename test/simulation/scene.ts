import { promisesSettled, VirtualClock } from '../support/virtual-clock.ts';
import { Application } from './application.ts';
import { Bounds, type Load } from './bounds.ts';
import { Database } from './database.ts';
import { Losses } from './losses.ts';
import { Oracle } from './oracle.ts';
import { VISITORS } from './pages.ts';
import { PermissionOracle } from './permission-oracle.ts';
import type { SimProcess } from './process.ts';
import { Random } from './random.ts';
import { SimServer, type WakeFaults } from './server.ts';
import { SimTab } from './tab.ts';
import { Tally } from './tally.ts';
import { Troubles } from './troubles.ts';

/** What a world is made of. */
export interface WorldOptions extends Load {
  readonly seed: number;
  /** How often calls and pauses take all the time that they may; else it is drawn. */
  readonly slow: number;
  /** How often a read takes all the time that the store has. */
  readonly slowReads: number;
  /** Whether all pages are open when it begins. */
  readonly isCrowded: boolean;
  readonly processes: number;
  /** How many servers share the keys. */
  readonly nodes: number;
  readonly wakes: WakeFaults;
  /** Whether the database tells all processes what is saved, each of which pushes that. */
  readonly isSharing: boolean;
  readonly lifetime: number;
  /** How each process makes its tokens, where it is to make them wrongly. */
  readonly newToken?: ((process: number, clock: VirtualClock) => () => string) | undefined;
  /** What engines take for it, where that is to be wrong. */
  readonly storeTimeout?: number | undefined;
}

/** All that there is in a world, and who watches it. */
export class Scene {
  readonly options: WorldOptions;
  readonly clock = new VirtualClock(promisesSettled);
  readonly random: Random;
  readonly tally = new Tally();
  readonly bounds: Bounds;
  readonly tabs = VISITORS.map((visitor, index) => new SimTab(index, visitor));
  /** Those that live. */
  readonly processes: SimProcess[] = [];
  readonly server: SimServer;
  readonly database = new Database();
  readonly troubles = new Troubles(this.clock);
  readonly losses: Losses;
  readonly application: Application;
  readonly oracle: Oracle;
  readonly permissions: PermissionOracle;
  /** What was seen by none of the witnesses here. */
  readonly violations: string[] = [];
  #tokens = 0;

  constructor(options: WorldOptions) {
    const { wakes, nodes, seed, slow } = options;
    const { clock, tally, database } = this;
    const random = new Random(seed, slow);
    this.options = options;
    this.random = random;
    this.bounds = new Bounds(options);
    this.server = new SimServer(clock, random, wakes, { nodes, tally });
    this.losses = new Losses(this.server, this.troubles, this.bounds, wakes);
    this.oracle = new Oracle(this);
    this.permissions = new PermissionOracle(this);
    const onAnswer = this.permissions.answered.bind(this.permissions);
    this.application = new Application({ ...options, clock, random, database, tally, onAnswer });
  }

  /** A text that was never there before. */
  newToken(): string {
    this.#tokens += 1;
    return `token${this.#tokens}`;
  }

  /** One of those that live. */
  process(number: number): SimProcess {
    return this.processes[number % this.processes.length]!;
  }

  anyProcess(): number {
    return Math.floor(this.random.upTo(this.processes.length));
  }
}
