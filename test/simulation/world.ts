import { settled } from '../support/virtual-clock.ts';
import { Announcements } from './announcements.ts';
import { POLL, SPREAD } from './bounds.ts';
import { Browsers } from './browsers.ts';
import { Faults } from './faults.ts';
import { Grants } from './grants.ts';
import { KEYS, type Key, VIEWERS } from './pages.ts';
import { Processes } from './processes.ts';
import { Pushes } from './pushes.ts';
import { Scene, type WorldOptions } from './scene.ts';
import { type Plan, UnitsOfWork } from './unit-of-work.ts';

/** More milliseconds than anything takes that is under way when all have gone, and any look at pages. */
const AFTERMATH = 60_000;

/**
 * The real engine in several processes, over a store, callbacks and clients that all may fail, with the guarantee's text
 * watching: every violation of it is noted.
 */
export class World {
  readonly scene: Scene;
  readonly browsers: Browsers;
  readonly faults: Faults;
  readonly grants: Grants;
  readonly processes: Processes;
  readonly announcements: Announcements;
  readonly #work: UnitsOfWork;

  constructor(options: WorldOptions) {
    const scene = new Scene(options);
    this.scene = scene;
    this.browsers = new Browsers(scene);
    this.faults = new Faults(scene);
    const pushes = new Pushes(scene);
    this.grants = new Grants(scene, pushes);
    this.processes = new Processes(scene, pushes, this.browsers);
    this.announcements = new Announcements(scene, pushes);
    const onDue = pushes.due.bind(pushes);
    const { clock, random, database, tally } = scene;
    this.#work = new UnitsOfWork({ clock, random, database, tally, onDue });
  }

  get violations(): readonly string[] {
    const { scene } = this;
    const witnesses = [
      scene,
      scene.oracle,
      scene.permissions,
      scene.application.calls,
      this.#work,
      ...scene.tabs.map(({ client }) => client),
      this.processes,
    ];
    return witnesses.flatMap(({ violations }) => violations);
  }

  /** The application saves and pushes. */
  save(key: Key, process: number): void {
    this.scene.database.change(key);
    void this.scene.process(process).trigger.push(key);
  }

  /** All changes at once, also of what may change who may look. */
  rush(process: number): void {
    const { scene } = this;
    const host = scene.process(process);
    scene.tally.count('all keys pushed at once');
    for (const key of KEYS) scene.database.change(key);
    void host.trigger.push(KEYS);
    for (const viewer of VIEWERS) void this.grants.renew(viewer, process);
  }

  /** The application does that within a unit of work. */
  work(process: number, plan: Plan): void {
    // It takes a while, and then there is the second push.
    this.scene.troubles.echoes(15_000);
    this.#work.run(this.scene.process(process), plan).catch(() => {});
  }

  /** Another program saves, and writes the version by itself; most such programs do not wake anybody. */
  saveElsewhere(key: Key): void {
    const { server, database, application, random, oracle, losses, tally } = this.scene;
    if (server.nodeOf(key).state !== 'up') return;
    const commit = database.change(key);
    application.calls.explainRuns([key]);
    const token = this.scene.newToken();
    server.set(key, token);
    if (random.chance(0.3)) server.publish(key, token);
    tally.count('push of another program');
    oracle.promise(commit, losses.mark());
  }

  /** Lets everything go well, and long enough; then everybody has to show everything, and nothing may be left when all have gone. */
  async settle(): Promise<void> {
    const { clock, bounds, troubles, tabs, oracle, application, violations } = this.scene;
    for (const tab of tabs) this.browsers.goOn(tab);
    while (clock.now() < troubles.quietAt) await clock.advance(troubles.quietAt - clock.now());
    this.browsers.openAll();
    await clock.advance(bounds.storeTimeout + bounds.convergence + bounds.answer + SPREAD + POLL);
    oracle.expectAll();
    this.browsers.leaveAll();
    await clock.advance(0);
    this.processes.expectNothingLeft();
    violations.push(...application.calls.left.map((what) => `${what} left when all had gone`));
    this.processes.close();
    await clock.advance(AFTERMATH);
    if (clock.pending > 0) violations.push(`${clock.pending} timers left in the end`);
    // In all that time nobody else had a turn.
    await settled();
  }
}
