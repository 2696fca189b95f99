import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { withDeadline } from '../deadline.ts';
import type { Engine } from '../engine.ts';
import { SseTriggerError } from '../errors.ts';
import { requireKey } from '../key.ts';
import { pauseAfterFailure } from '../pauses.ts';
import { plainError } from '../plain-error.ts';
import { EVERYTHING } from '../shared-key.ts';
import { untilAborted } from '../until-aborted.ts';
import { type PostgresClient, requireClient, UnfitClient } from './postgres-client.ts';
import { CHANNEL } from './postgres-migration.ts';
import { Witnesses } from './postgres-witnesses.ts';

const LISTEN = `listen ${CHANNEL}`;
const IS_LISTENING = `select 1 from pg_listening_channels() as channel where channel = '${CHANNEL}'`;

const OUTAGE = 'no notifications come from PostgreSQL; when they do again, everything is looked at';

/** So many heartbeats after the last answer a notification may be old, which never happens while the process runs. */
const LATE = 2;
/** So many keys are remembered as heard; beyond that it is everything. */
const HEARD = 5000;

/** A version and a key, which is empty where all keys are meant. */
const PUSH = /^(\d{1,20}-[0-9a-f]{16}) (.*)$/s;

/** Listens to PostgreSQL over one connection, or the next one when that is lost, until it is closed. */
export class PostgresListener {
  readonly #engine: Engine;
  readonly #connect: () => PostgresClient | PromiseLike<PostgresClient>;
  readonly #heartbeat: number;
  readonly #over: Promise<void>;
  #isClosed = false;
  /** Aborted when the connection is lost, silent for too long, or no longer wanted. */
  #session = new AbortController();
  /** When the server was last asked and has answered, which it does after all notifications before. */
  #askedAt = 0;
  /** Whether it was told that no notifications come. */
  #isDown = false;
  #leaving: Promise<void> | undefined;
  /** Settled after all that were begun before. */
  #lastPush: Promise<boolean> = Promise.resolve(true);
  /**
   * Keys whose versions were heard since the last answer, and between that and the one before. When an older one was written,
   * nothing newer was on its way that has not been heard since.
   */
  #heard = new Set<string>();
  #heardBefore = new Set<string>();

  constructor(
    engine: Engine,
    connect: () => PostgresClient | PromiseLike<PostgresClient>,
    heartbeat: number,
  ) {
    this.#engine = engine;
    this.#connect = connect;
    this.#heartbeat = heartbeat;
    engine.share();
    this.#over = this.#run();
  }

  /** Resolves when the connection is closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#session.abort(new Error('the listener is closed'));
    await this.#over;
    await this.#leaving;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isClosed) {
      this.#session = new AbortController();
      try {
        await this.#listen(() => {
          failures = 0;
        });
      } catch (cause) {
        if (this.#isClosed) return;
        if (cause instanceof UnfitClient) {
          this.#tellOfOutage('listen has given up, since it gets nothing to listen with', cause);
          return;
        }
        if (!this.#isDown) this.#tellOfOutage(OUTAGE, plainError(cause));
        this.#isDown = true;
      }
      this.#session = new AbortController();
      const pause = pauseAfterFailure(failures, Math.random);
      failures += 1;
      await sleep(pause, undefined, { signal: this.#session.signal, ref: false }).catch(() => {});
    }
  }

  /** Rejects when the connection is over. `onStable` is called when it has lasted for a while. */
  async #listen(onStable: () => void): Promise<never> {
    const session = this.#session;
    // Over at once when the connection is: what is under way on it comes to nothing.
    const within = <T>(work: () => T | PromiseLike<T>) =>
      untilAborted(session.signal, () =>
        withDeadline(systemClock, this.#heartbeat, work, { abort: session }),
      );
    const client = await within(() => this.#connect());
    requireClient(client);
    const notify = (payload: string) => client.query(`select pg_notify('${CHANNEL}', '${payload}')`);
    const witnesses = new Witnesses(this.#engine, notify, () => this.#lastPush);
    try {
      client.on('error', (error) => session.abort(error));
      client.on('end', () => session.abort(new Error('the server has ended the connection')));
      client.on('notification', ({ channel, payload = '' }) => {
        if (channel !== CHANNEL || session.signal.aborted || witnesses.receive(payload)) return;
        this.#receive(payload);
      });
      await within(() => client.connect());
      await within(() => client.query(LISTEN));
      for (let isFirst = true; ; isFirst = false) {
        await within(() => this.#ask(client));
        if (isFirst) void this.#begin(session.signal, witnesses);
        else onStable();
        await sleep(this.#heartbeat, undefined, { signal: session.signal, ref: false });
      }
    } catch (error) {
      throw session.signal.aborted ? session.signal.reason : error;
    } finally {
      session.abort();
      this.#pushHeard();
      this.#leaving = this.#leave(client);
    }
  }

  async #ask(client: PostgresClient): Promise<void> {
    const now = systemClock.now();
    const { rows } = await client.query(IS_LISTENING);
    this.#askedAt = now;
    this.#heardBefore = this.#heard;
    this.#heard = new Set();
    if (rows.length === 0) {
      throw new Error(
        'the session does not listen any more: a pooler that shares connections cannot be used',
      );
    }
  }

  /** What was committed while nobody listened is not known. */
  async #begin(signal: AbortSignal, witnesses: Witnesses): Promise<void> {
    this.#isDown = false;
    const isKnown = await witnesses.haveHeardAll();
    if (signal.aborted) return;
    if (!isKnown) await this.#engine.push([EVERYTHING]);
    // Also when the store has not taken that yet: until it has, a witness does not answer.
    witnesses.becomeWitness();
  }

  #receive(payload: string): void {
    const [, version, key] = PUSH.exec(payload) ?? [];
    if (version === undefined || key === undefined) {
      if (payload.startsWith(' ')) this.#tellOfMapping(payload.trim());
      return;
    }
    try {
      this.#lastPush = this.#push(key === '' ? EVERYTHING : requireKey(key), version);
    } catch (cause) {
      this.#tellOfMapping('PostgreSQL made a key that is none', cause);
    }
  }

  /** After this process stood still, what others wrote long ago must not come again in place of what is there by now. */
  #push(key: string, version: string): Promise<boolean> {
    const isLate = systemClock.now() - this.#askedAt > LATE * this.#heartbeat;
    if (isLate) return this.#engine.push([key]);
    this.#heard.add(this.#heard.size < HEARD ? key : EVERYTHING);
    return this.#engine.pushShared(key, version);
  }

  /**
   * What was written here last may have taken the place of a newer version, which another process heard and wrote first, and
   * which this one will not hear any more.
   */
  #pushHeard(): void {
    const keys = [...new Set([...this.#heard, ...this.#heardBefore])];
    this.#heard = new Set();
    this.#heardBefore = new Set();
    if (keys.length > 0) this.#lastPush = this.#engine.push(keys);
  }

  async #leave(client: PostgresClient): Promise<void> {
    const goodbye = () => client.end();
    await withDeadline(systemClock, this.#heartbeat, goodbye).catch(() => {
      client.connection?.stream?.destroy();
    });
  }

  #tellOfOutage(message: string, cause: unknown): void {
    this.#engine.onError(new SseTriggerError('listen_failed', message, { cause }));
  }

  #tellOfMapping(why: string, cause?: unknown): void {
    const message = `PostgreSQL could not push a row that was saved: ${why}`;
    this.#engine.onError(new SseTriggerError('mapping_failed', message, { cause }));
  }
}
