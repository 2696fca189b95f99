import type { Applicant } from '../../src/applicant.ts';
import { toSubject } from '../../src/subject.ts';
import { SLOWEST_KEY } from './bounds.ts';
import { type End, type Pace, SimConnection } from './connection.ts';
import { MAX_PER_VIEWER } from './pages.ts';
import type { Judge } from './permission-oracle.ts';
import { type SimProcess, WRITE_TIMEOUT } from './process.ts';
import type { Scene } from './scene.ts';
import type { SimTab } from './tab.ts';

/** How many milliseconds late a client may be cut off: the grain of the wheel that looks for it, twice. */
const GRAIN = 200;

/** How a stream came to be opened for which a permission is needed. */
interface Admission {
  readonly applicant: Applicant;
  readonly judge: Judge;
  /** Whether somebody had said yes. */
  readonly isPermitted: boolean;
}

/** Opens and closes streams as browsers do, which come back by themselves unless they were told that there is none. */
export class Browsers {
  readonly #scene: Scene;
  #connections = 0;
  #areClosed = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** A page opens its stream, where needed after it was asked whether it may. */
  open(tab: SimTab, host: SimProcess, pace: Pace): void {
    const { clock, random, application, permissions, tally } = this.#scene;
    const { page, viewer } = tab;
    this.leave(tab);
    if (page.guard === undefined || viewer === undefined) {
      this.#connect(tab, host, pace);
      return;
    }
    const request = application.permissionRequest(host, page, viewer, page.guard);
    const judge = permissions.applied(host, page, viewer);
    const applicant = host.engine.apply(page.number, request, '');
    const leave = () => {
      tab.waiting = undefined;
      applicant.leave();
      this.#abandonUnlessNeeded(tab, host);
    };
    const waiting = { host, leave };
    tab.waiting = waiting;
    void applicant.verdict.then(async ({ is }) => {
      if (is === 'permitted') judge.permitted();
      if (random.chance(0.3))
        await new Promise<void>((resolve) => clock.after(random.upTo(SLOWEST_KEY), resolve));
      if (tab.waiting !== waiting) return;
      tally.count(`stream that was ${is}`);
      // Upon a 403 a browser does not come back.
      if (is !== 'refused')
        this.#connect(tab, host, pace, { applicant, judge, isPermitted: is === 'permitted' });
      leave();
    });
  }

  /** Somebody closes the page. */
  leave(tab: SimTab): void {
    tab.stopComingBack?.();
    tab.stopComingBack = undefined;
    tab.waiting?.leave();
    tab.connection?.leave();
  }

  /** The connection of a tab is lost. */
  cut(tab: SimTab): void {
    if (tab.connection !== undefined) this.#scene.tally.count('connection lost');
    tab.connection?.lose();
  }

  /** So are those of all who do not take at once what they are sent: they are slow because their network is bad. */
  cutSlow(): void {
    for (const tab of this.#scene.tabs) if (tab.lag !== undefined) this.cut(tab);
  }

  /** A process is no more, and ended its streams itself or did not. */
  lose(host: SimProcess): void {
    for (const tab of this.#scene.tabs) {
      if (tab.connection?.host === host) tab.connection.lose();
      if (tab.waiting?.host !== host) continue;
      tab.waiting.leave();
      this.#comeBack(tab);
    }
  }

  /** A client takes what it is sent only after a while, or no more. */
  lag(tab: SimTab, pace: Pace): void {
    const { tally, troubles } = this.#scene;
    if (tab.connection === undefined || tab.lag !== undefined || pace === 'well') return;
    tally.count(`client takes ${pace === 'not' ? 'nothing' : 'slowly'}`);
    tab.connection.pace = pace;
    tab.lag = troubles.begin('client', (where) => where.tab === tab.index);
  }

  goOn(tab: SimTab): void {
    const { connection } = tab;
    if (tab.lag === undefined || connection === undefined) return;
    tab.endLag();
    connection.pace = 'well';
    connection.goOn();
    this.#scene.oracle.expectPromised(`client ${tab.index}, which goes on,`, (one) => one === connection);
  }

  /** All pages that do not show a stream open one. */
  openAll(): void {
    for (const tab of this.#scene.tabs) {
      if (tab.host === undefined) this.open(tab, this.#scene.process(this.#scene.anyProcess()), 'well');
    }
  }

  /** Everybody goes, for good. */
  leaveAll(): void {
    this.#areClosed = true;
    for (const tab of this.#scene.tabs) this.leave(tab);
  }

  #connect(tab: SimTab, host: SimProcess, pace: Pace, admission?: Admission): void {
    const { clock, random, options, application, oracle, permissions } = this.#scene;
    const { page, viewer, client } = tab;
    this.#connections += 1;
    const connection = new SimConnection({
      number: this.#connections,
      client,
      host,
      clock,
      random,
      patience: WRITE_TIMEOUT + GRAIN,
      lifetime: options.lifetime + GRAIN,
      onEnd: (one, end) => this.#ended(tab, one, end),
    });
    if (admission !== undefined) {
      connection.isPermitted = admission.isPermitted;
      connection.appliedAt = admission.judge.appliedAt;
    }
    const { guard } = page;
    if (guard !== undefined && viewer !== undefined) {
      connection.forbids = () => permissions.forbids(host, page, viewer, guard) ?? admission?.judge.forbids();
    }
    if (client.lastEventId === undefined) application.calls.explainFirstRuns(page);
    const others = this.#streamsBeside(tab, host);
    tab.connection = connection;
    this.lag(tab, pace);
    host.engine.open({
      route: host.routes[page.number]!,
      sink: connection,
      feeds: application.feedRequests(host, page),
      viewer: viewer && toSubject(viewer)!.text,
      applicant: admission?.applicant,
      lastEventId: client.lastEventId,
      path: '',
    });
    if (admission?.isPermitted === false) admission.judge.unanswered(connection);
    this.#expectNewest(tab, others);
    oracle.expectPromised(`client ${tab.index}, which came at ${clock.now()},`, (one) => one === connection);
  }

  /** Other streams of the same viewer, the oldest first. */
  #streamsBeside(tab: SimTab, host: SimProcess): readonly SimConnection[] {
    return this.#scene.tabs
      .filter(({ page, viewer }) => page === tab.page && viewer !== undefined && viewer === tab.viewer)
      .flatMap(({ connection }) => (connection?.host === host ? [connection] : []))
      .sort((one, other) => one.number - other.number);
  }

  /** Of a viewer's streams, those stay that were opened last. */
  #expectNewest({ viewer }: SimTab, others: readonly SimConnection[]): void {
    const { clock, tabs, tally, violations } = this.#scene;
    const stay = others.slice(Math.max(0, others.length + 1 - MAX_PER_VIEWER));
    if (stay.length < others.length) tally.count('oldest stream of a viewer is replaced');
    const left = tabs.map(({ connection }) => connection);
    if (others.every((one) => left.includes(one) === stay.includes(one))) return;
    violations.push(`the wrong streams of ${viewer} stay at ${clock.now()}`);
  }

  #ended(tab: SimTab, connection: SimConnection, end: End): void {
    if (tab.connection === connection) tab.connection = undefined;
    tab.endLag();
    this.#abandonUnlessNeeded(tab, connection.host);
    if (end !== 'client') this.#comeBack(tab);
  }

  /** As a browser does by itself, after a while and with its last id. */
  #comeBack(tab: SimTab): void {
    const { clock, tally } = this.#scene;
    if (this.#areClosed) return;
    tab.stopComingBack?.();
    tab.stopComingBack = clock.after(tab.client.retry, () => {
      tab.stopComingBack = undefined;
      tally.count('client comes back by itself');
      this.open(tab, this.#scene.process(this.#scene.anyProcess()), 'well');
    });
  }

  /** Who asks for a permission that nobody waits for any more is not answered, and asks anew. */
  #abandonUnlessNeeded({ page, viewer }: SimTab, host: SimProcess): void {
    const { tabs, application } = this.#scene;
    if (viewer === undefined) return;
    if (tabs.some((tab) => tab.page === page && tab.viewer === viewer && tab.host === host)) return;
    application.calls.abandon(host, page, viewer);
  }
}
