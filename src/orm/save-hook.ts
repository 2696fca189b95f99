import { SseTriggerError } from '../errors.ts';
import { HeldKeys } from '../held-keys.ts';
import { requireKey } from '../key.ts';
import { ENGINE, SseTrigger } from '../trigger.ts';
import type { BulkChange, Change, Keys, Mapping } from './mapping.ts';

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

  /** A row was written, in the transaction of `held` or in none. `isWritten` says whether a mapped entity is the row's. */
  row(isWritten: (mapped: Entity) => boolean, row: unknown, change: Change<unknown>, held?: HeldKeys): void {
    for (const mapping of this.#mappings) {
      if (isWritten(mapping.entity)) this.#map(() => mapping.toKeys(row, change), held);
    }
  }

  /** Rows were written of which the ORM does not say which. */
  bulk(isWritten: (mapped: Entity) => boolean, change: BulkChange, held?: HeldKeys): void {
    for (const mapping of this.#mappings) {
      if (!isWritten(mapping.entity)) continue;
      if (mapping.bulk === undefined) this.#tellOf(mapping, change);
      else this.#map(() => mapping.bulk?.(change), held);
    }
  }

  /** Holds back the keys of a transaction that has begun, or of a savepoint within `outer`. */
  hold(outer?: HeldKeys): HeldKeys {
    return new HeldKeys((keys, isUnknown) => {
      this.#push(keys);
      // A COMMIT whose answer was lost may still be landing.
      if (isUnknown) this.#trigger[ENGINE].pushAgain(keys);
    }, outer);
  }

  #map(toKeys: () => Keys<K>, held: HeldKeys | undefined): void {
    try {
      const given = toKeys() ?? [];
      // A hole in an array is a mistake too, and map would pass over it.
      const keys = Array.from<unknown, string>(Array.isArray(given) ? given : [given], requireKey);
      if (!held?.take(keys)) this.#push(keys);
    } catch (cause) {
      this.#tell(
        'mapping_failed',
        'no key could be made of a row that was saved, so nothing is pushed',
        cause,
      );
    }
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
