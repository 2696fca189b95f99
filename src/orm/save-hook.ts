import { SseTriggerError } from '../errors.ts';
import { HeldKeys, type Outcome } from '../held-keys.ts';
import { requireKey } from '../key.ts';
import { ENGINE, SseTrigger } from '../trigger.ts';
import type { BulkChange, ChangeKind, Keys, Mapping } from './mapping.ts';
import { UnknownColumn } from './partial-row.ts';

/** What a statement did to rows of one entity. */
export interface Statement<Entity> {
  /** Whether a mapped entity is that of the rows. */
  isWritten(mapped: Entity): boolean;
  /** All that it may have been: an upsert inserts or updates. */
  readonly kinds: readonly ChangeKind[];
  /** The rows as far as they are known, or undefined when the ORM does not tell them. */
  readonly rows: readonly unknown[] | undefined;
  /** What the ORM knows of the rows as they were before. */
  readonly before?: object | undefined;
  readonly where?: unknown;
}

/**
 * What the adapters share: it turns writes into keys, and pushes them once the transaction they belong to is committed.
 * A save never fails or waits because of it, so no method throws, and none gives a promise.
 */
export class SaveHook<Entity, K extends string> {
  readonly #trigger: SseTrigger<K>;
  readonly #mappings: readonly Mapping<Entity, K>[];
  readonly #toldOf = new Set<Mapping<Entity, K>>();

  /** @throws TypeError for what is no trigger, and for no mapping. */
  constructor(trigger: SseTrigger<K>, mappings: readonly Mapping<Entity, K>[]) {
    if (!(trigger instanceof SseTrigger)) {
      throw new TypeError('pushAfterSave takes the SseTrigger first: pushAfterSave(trigger, on(…))');
    }
    if (mappings.length === 0 || mappings.some((mapping) => typeof mapping?.toKeys !== 'function')) {
      throw new TypeError('pushAfterSave takes what `on` gives: pushAfterSave(trigger, on(Notification, …))');
    }
    this.#trigger = trigger;
    this.#mappings = mappings;
  }

  /** Whether rows of this entity are mapped, so that an adapter need not look closer at others. */
  covers(isWritten: (mapped: Entity) => boolean): boolean {
    return this.#mappings.some(({ entity }) => isWritten(entity));
  }

  /**
   * Something was carried out that wrote in one or several ways, in the transaction of `held` or in none. All of it is one
   * push. What `read` throws is told to `onError`: it reads forms of an ORM that another version may have changed.
   */
  statements(
    read: () => readonly Statement<Entity>[],
    held?: HeldKeys | undefined,
    outcome: Outcome = 'done',
  ): void {
    let statements: readonly Statement<Entity>[];
    try {
      statements = read();
    } catch (cause) {
      this.#tell('rows_unknown', 'what was written could not be read, so nothing is pushed', cause);
      return;
    }
    if (statements.length === 0) return;
    const unit = this.hold(held);
    for (const statement of statements) this.#statement(statement, unit);
    unit.settle(outcome);
  }

  /** Holds back the keys of a transaction that has begun, or of a savepoint within `outer`. */
  hold(outer?: HeldKeys): HeldKeys {
    return new HeldKeys((keys, isUnknown) => {
      this.#push(keys);
      // A COMMIT whose answer was lost may still be landing.
      if (isUnknown) this.#trigger[ENGINE].pushAgain(keys);
    }, outer);
  }

  #statement({ isWritten, kinds, rows, before, where }: Statement<Entity>, held: HeldKeys): void {
    for (const mapping of this.#mappings) {
      if (!isWritten(mapping.entity)) continue;
      for (const kind of kinds) {
        const change = { kind, before };
        const areKnown = rows?.map((row) => this.#map(() => mapping.toKeys(row, change), held));
        // Once, of however many rows something is not known.
        if (areKnown?.every(Boolean) !== true) this.#bulk(mapping, { kind, where }, held);
      }
    }
  }

  #bulk(mapping: Mapping<Entity, K>, change: BulkChange, held: HeldKeys): void {
    if (mapping.bulk === undefined) this.#tellOf(mapping, change);
    else this.#map(() => mapping.bulk?.(change), held);
  }

  /** False when it read a column that is not known. */
  #map(toKeys: () => Keys<K>, held: HeldKeys): boolean {
    try {
      const given = requireNow(toKeys()) ?? [];
      // A hole in an array is a mistake too, and map would pass over it.
      const keys = Array.from<unknown, string>(Array.isArray(given) ? given : [given], requireKey);
      if (!held.take(keys)) this.#push(keys);
    } catch (cause) {
      if (cause instanceof UnknownColumn) return false;
      const message = 'no key could be made of a row that was saved, so nothing is pushed';
      this.#tell('mapping_failed', message, cause);
    }
    return true;
  }

  #push(keys: readonly string[]): void {
    // Nobody waits for it: the trigger itself keeps what the store does not take.
    void this.#trigger.push(keys as readonly K[]);
  }

  #tellOf(mapping: Mapping<Entity, K>, { kind }: BulkChange): void {
    if (this.#toldOf.has(mapping)) return;
    this.#toldOf.add(mapping);
    const message =
      `rows were written (${kind}) of which the ORM does not say which, so nothing is pushed: ` +
      'give `on` an option `bulk` that names the keys';
    this.#tell('rows_unknown', message);
  }

  #tell(code: 'mapping_failed' | 'rows_unknown', message: string, cause?: unknown): void {
    this.#trigger[ENGINE].onError(new SseTriggerError(code, message, { cause }));
  }
}

/** @throws TypeError for a promise: the save would have to wait for it. */
function requireNow<T>(given: T): T {
  if (typeof (given as { then?: unknown } | null | undefined)?.then !== 'function') return given;
  Promise.resolve(given).catch(() => {}); // nobody else will hear of its failure
  throw new TypeError('a mapping gives its keys at once: it must not be async');
}
