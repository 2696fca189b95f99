import { hash, randomBytes } from 'node:crypto';
import { systemClock } from '../clock.ts';
import { withDeadline } from '../deadline.ts';
import type { Engine } from '../engine.ts';

/** Who asks, with a number that nobody else has, and in which store. */
const QUESTION = /^\? ([0-9a-f]{16}) ([0-9a-f]{16})$/;
/** To the question of that number. */
const ANSWER = /^! ([0-9a-f]{16})$/;
/** In milliseconds. */
const ANSWERING = 1000;

/**
 * Other processes that push into the same store. Notifications come to all in one order, so one that answers a question
 * which was asked after this process began to listen has heard all that this one may have missed.
 */
export class Witnesses {
  readonly #engine: Engine;
  readonly #notify: (payload: string) => Promise<unknown>;
  readonly #lastPush: () => Promise<unknown>;
  #question: { readonly number: string; readonly answered: () => void } | undefined;
  #isWitness = false;

  /** `notify` tells all who listen, and `lastPush` is settled when the store has been given all that was heard. */
  constructor(
    engine: Engine,
    notify: (payload: string) => Promise<unknown>,
    lastPush: () => Promise<unknown>,
  ) {
    this.#engine = engine;
    this.#notify = notify;
    this.#lastPush = lastPush;
  }

  /** Whether another process has heard all that was committed up to now. Never rejects. */
  async haveHeardAll(): Promise<boolean> {
    try {
      const store = await this.#nameOfStore();
      if (store === undefined) return false;
      const number = randomBytes(8).toString('hex');
      const answered = new Promise<void>((resolve) => {
        this.#question = { number, answered: resolve };
      });
      await this.#notify(`? ${number} ${store}`);
      await withDeadline(systemClock, ANSWERING, () => answered);
      return true;
    } catch {
      return false;
    }
  }

  /** From now on this process has itself heard, or made up for, all that was ever committed. */
  becomeWitness(): void {
    this.#isWitness = true;
  }

  /** Takes what processes tell each other, and says whether it was that. */
  receive(payload: string): boolean {
    const [, number, store] = QUESTION.exec(payload) ?? [];
    if (number !== undefined) {
      if (this.#isWitness) void this.#answer(number, store);
      return true;
    }
    const [, answeredTo] = ANSWER.exec(payload) ?? [];
    if (answeredTo === this.#question?.number) this.#question?.answered();
    return answeredTo !== undefined;
  }

  async #answer(number: string, store: string | undefined): Promise<void> {
    // What it has heard and the store has not is lost with this process.
    await this.#lastPush();
    const isSame = (await this.#nameOfStore()) === store;
    if (isSame && this.#engine.tellsAll) await this.#notify(`! ${number}`).catch(() => {});
  }

  /** No two stores ever have the same version of everything. */
  async #nameOfStore(): Promise<string | undefined> {
    const version = await this.#engine.everything();
    return version && hash('sha256', version).slice(0, 16);
  }
}
