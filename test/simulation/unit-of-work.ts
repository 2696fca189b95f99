import type { OnThrow } from '../../src/push-scope.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import type { Commit, Database, Transaction } from './database.ts';
import type { Key } from './pages.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { Tally } from './tally.ts';

/** How a unit of work ends. After 'lose the answer' its COMMIT is still under way. */
export type Ending = 'commit' | 'throw before the commit' | 'throw after the commit' | 'lose the answer';

/** What a unit of work does. */
export interface Plan {
  /** Written, each followed by its push. */
  readonly keys: readonly Key[];
  /** Most milliseconds between two things that it does. */
  readonly pace: number;
  readonly ending: Ending;
  readonly onThrow: OnThrow;
  readonly inner: InnerPlan | undefined;
  /** Saved and pushed from within it by something that it does not wait for. */
  readonly aside: Key | undefined;
}

export interface InnerPlan extends Plan {
  /** Whether it has a transaction of its own, and is not part of the one around it. */
  readonly isApart: boolean;
  /** Whether the outer one waits for it, lets its error pass, or catches that. */
  readonly outer: 'waits' | 'catches' | 'goes on';
}

export interface UnitsOfWorkOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly database: Database;
  readonly tally: Tally;
  /** Its push is due at this moment. */
  readonly onDue: (host: SimProcess, commit: Commit) => void;
}

/** A COMMIT whose answer was lost lands at most so many milliseconds later. */
const LANDING = 4900;
/** What is pushed when the outcome of work is unknown is pushed again after so many milliseconds. */
const PUSH_AGAIN_AFTER = 5000;

/** Work under way. What it committed is due to be pushed when it has settled, or who is around it. */
class Unit {
  readonly commits: Commit[] = [];
  readonly #outer: Unit | undefined;
  #settledAt: number | undefined;
  /** Who went on when it had settled. */
  #heir: Unit | undefined;

  constructor(outer: Unit | undefined) {
    this.#outer = outer;
  }

  settle(now: number): void {
    this.#heir = this.#outer?.open;
    this.#settledAt = now;
  }

  /** Itself or who is around it, whoever goes on. */
  get open(): Unit | undefined {
    return this.#settledAt === undefined ? this : this.#outer?.open;
  }

  /** When all had settled who were to push for it. */
  get pushedAt(): number {
    return this.#heir?.pushedAt ?? this.#settledAt!;
  }
}

/** What the application does within `pushAfter`. */
export class UnitsOfWork {
  readonly violations: string[] = [];
  readonly #options: UnitsOfWorkOptions;

  constructor(options: UnitsOfWorkOptions) {
    this.#options = options;
  }

  /** Rejects with what the work throws. */
  async run(host: SimProcess, plan: Plan, around?: Unit, transaction?: Transaction): Promise<void> {
    const unit = new Unit(around);
    try {
      await host.trigger.pushAfter(() => this.#work(host, plan, unit, transaction), {
        onThrow: plan.onThrow,
      });
    } finally {
      unit.settle(this.#options.clock.now());
      for (const commit of unit.commits) this.#due(host, unit, commit);
    }
  }

  /** What was committed has to be pushed now, unless somebody around goes on. */
  #due(host: SimProcess, unit: Unit, commit: Commit): void {
    const { open } = unit;
    if (open === undefined) this.#options.onDue(host, commit);
    else open.commits.push(commit);
  }

  async #work(host: SimProcess, plan: Plan, unit: Unit, around: Transaction | undefined): Promise<void> {
    const { database, tally } = this.#options;
    const transaction = around ?? database.begin();
    const undo = transaction.savepoint();
    try {
      for (const key of plan.keys) {
        await this.#pause(host, plan.pace);
        transaction.write(key);
        if (!(await host.trigger.push(key))) this.violations.push(`${key} was not taken over`);
      }
      if (plan.inner !== undefined) await this.#nest(host, plan.inner, unit, transaction);
      if (plan.aside !== undefined) void this.#saveAside(host, unit, plan.aside);
      await this.#pause(host, plan.pace);
      tally.count(`${around === undefined ? 'unit' : 'inner unit'}: ${plan.ending}`);
      if (around === undefined) await this.#end(host, plan, unit, transaction);
      else if (plan.ending !== 'commit') throw new Error('rolled back to where it began');
    } catch (error) {
      // A COMMIT of its own may be under way.
      if (around !== undefined) undo();
      throw error;
    }
  }

  async #nest(host: SimProcess, plan: InnerPlan, unit: Unit, transaction: Transaction): Promise<void> {
    this.#options.tally.count(`unit in a unit, which ${plan.outer}`);
    const inner = this.run(host, plan, unit, plan.isApart ? undefined : transaction);
    if (plan.outer === 'waits') await inner;
    else if (plan.outer === 'catches') await inner.catch(() => {});
    else inner.catch(() => {});
  }

  async #end(host: SimProcess, { ending, pace }: Plan, unit: Unit, transaction: Transaction): Promise<void> {
    const { clock, random } = this.#options;
    if (ending === 'throw before the commit') throw new Error('rolled back');
    if (ending === 'lose the answer') {
      clock.after(random.upTo(LANDING), () => this.#land(host, unit, transaction));
      throw new Error('the answer to COMMIT was lost');
    }
    unit.commits.push(...transaction.commit());
    await this.#pause(host, pace);
    if (ending === 'throw after the commit') throw new Error('something else failed');
  }

  /** Committed when nobody waits for it any more: due with the second push, if the first is over. */
  #land(host: SimProcess, unit: Unit, transaction: Transaction): void {
    const { clock, tally } = this.#options;
    const commits = transaction.commit();
    const { open } = unit;
    if (open !== undefined) {
      open.commits.push(...commits);
      return;
    }
    tally.count('commit landed after the first push');
    clock.after(unit.pushedAt + PUSH_AGAIN_AFTER - clock.now(), () => {
      for (const commit of commits) this.#options.onDue(host, commit);
    });
  }

  /** In the async context of the unit, which may be over by then. */
  async #saveAside(host: SimProcess, unit: Unit, key: Key): Promise<void> {
    const { database, tally } = this.#options;
    await this.#pause(host, 2000);
    const commit = database.change(key);
    tally.count(`push aside, ${unit.open === undefined ? 'after the unit' : 'within the unit'}`);
    void host.trigger.push(key);
    this.#due(host, unit, commit);
  }

  /** Nothing goes on in a process that is no more. */
  async #pause(host: SimProcess, ms: number): Promise<void> {
    const { clock, random } = this.#options;
    await new Promise<void>((resolve) => clock.after(random.upTo(ms), resolve));
    if (!host.isAlive) await new Promise(() => {});
  }
}
