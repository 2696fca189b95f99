import { type Few, membersOf, withMember, withoutMember } from './few.ts';
import { type Linked, LinkedList } from './linked-list.ts';
import { isSeed } from './seed.ts';
import { isEverything, withShared } from './shared-key.ts';
import type { StoredVersion } from './store.ts';

/** Who wants to hear of changes of some keys. */
export interface Watcher {
  readonly keys: readonly string[];
  /** Called once for all of its keys that changed together. `urgent` is false for a change that can wait a little. */
  changed(urgent: boolean): void;
  /** Set for who has to be told before others. */
  readonly comesFirst?: true;
}

/** What is known of one watched key. */
interface Watch extends Linked<Watch> {
  readonly key: string;
  /** When it was last the turn of the key in a poll, or when it was first watched. */
  polledAt: number;
  watchers: Few<Watcher>;
  /** What the store holds; undefined while that is not known. */
  version: StoredVersion | undefined;
  /** The data set that answered last. */
  identity: string | undefined;
  /** When all this was so: the mark at which its read began, or at which its push was acknowledged or its wake came. */
  asOf: number;
  /** The mark of the last change that could not wait. */
  changedAt: number;
  /** The token that was there when a push may have been lost, and may be there still: what is shown since is newer. */
  doubtful: string | undefined;
  /** The token of the last acknowledged push of this process, whose wake tells nothing new. */
  own: string | undefined;
  /** The mark at which the key was found to be neither there nor to be written, while that is so. */
  unreadableAt: number | undefined;
}

const NEVER = -1;
/** So many tokens are remembered that others write too, for as long as their wakes may take. */
const EXPECTED = 5000;

/**
 * The versions of all watched keys as far as they are known here, and who wants to hear of a change.
 *
 * Whatever is learnt about a key carries a mark, a number that only grows, of the moment from which it was true. Later
 * marks win, in whatever order answers arrive.
 */
export class Versions {
  readonly #watches = new Map<string, Watch>();
  /** Those that were polled longest ago come first. */
  readonly #byAge = new LinkedList<Watch>();
  /** Tokens of shared changes that this process writes as well. */
  readonly #expected = new Set<string>();
  #areShared = false;
  #lastMark = 0;

  get size(): number {
    return this.#watches.size;
  }

  /** The keys that were polled longest ago: so many, and all that were before `since`. They count as polled at `now`. */
  takeOldest(count: number, since: number, now: number): string[] {
    const keys: string[] = [];
    for (let watch = this.#byAge.first; watch !== undefined; watch = this.#byAge.first) {
      if (keys.length >= count && watch.polledAt >= since) break;
      if (keys.length === this.#watches.size) break;
      keys.push(watch.key);
      watch.polledAt = now;
      this.#byAge.remove(watch);
      this.#byAge.append(watch);
    }
    return keys;
  }

  /** Numbers this moment. */
  mark(): number {
    this.#lastMark += 1;
    return this.#lastMark;
  }

  /** From now on what is shown for a key also depends on the changes of it that all processes hear of. */
  share(now: number): void {
    if (this.#areShared) return;
    this.#areShared = true;
    const watchers = [...this.#watches.values()].flatMap(({ watchers }) => [...membersOf(watchers)]);
    for (const watcher of watchers) this.watch(watcher, now);
  }

  /** The keys whose versions are those of `keys`. */
  all(keys: readonly string[]): readonly string[] {
    return this.#areShared ? withShared(keys) : keys;
  }

  /** Tells `watcher` of changes of its keys, until `unwatch`. */
  watch(watcher: Watcher, now: number): void {
    for (const key of this.all(watcher.keys)) {
      const watch = this.#watches.get(key) ?? this.#add(unknown(key, now));
      watch.watchers = withMember(watch.watchers, watcher);
    }
  }

  unwatch(watcher: Watcher): void {
    for (const key of this.all(watcher.keys)) {
      const watch = this.#watches.get(key);
      if (watch === undefined) continue;
      watch.watchers = withoutMember(watch.watchers, watcher);
      if (watch.watchers === undefined) {
        this.#watches.delete(key);
        this.#byAge.remove(watch);
      }
    }
  }

  #add(watch: Watch): Watch {
    this.#watches.set(watch.key, watch);
    this.#byAge.append(watch);
    return watch;
  }

  /** The versions of these keys, each with its data set; undefined when one of them is not known. */
  of(keys: readonly string[]): readonly string[] | undefined {
    const versions: string[] = [];
    for (const key of this.all(keys)) {
      const watch = this.#watches.get(key);
      if (watch?.version === undefined || watch.unreadableAt !== undefined) return undefined;
      if (watch.version.token === watch.doubtful) return undefined;
      versions.push(this.compared(watch.version));
    }
    return versions;
  }

  /** What the store has at a key that is watched, as far as that is known. */
  tokenOf(key: string): string | undefined {
    return this.#watches.get(key)?.version?.token;
  }

  /** Whether all of these keys have answered since `mark`. */
  isKnownSince(keys: readonly string[], mark: number): boolean {
    return this.all(keys).every((key) => {
      const watch = this.#watches.get(key);
      return watch !== undefined && Math.max(watch.asOf, watch.unreadableAt ?? NEVER) > mark;
    });
  }

  /** Whether a push of one of these keys may have been lost, and the store was not heard of since. */
  isInDoubt(keys: readonly string[]): boolean {
    return this.all(keys).some((key) => {
      const watch = this.#watches.get(key);
      return watch !== undefined && watch.version === undefined && watch.changedAt !== NEVER;
    });
  }

  /** The store answered reads that began at `began`, each with the version of its key where there is one. */
  read(keys: readonly string[], answers: readonly (StoredVersion | undefined)[], began: number): void {
    const changes = new Changes();
    answers.forEach((version, index) => {
      const watch = this.#watches.get(keys[index]!);
      if (version === undefined || watch === undefined || !this.accepts(watch, began)) return;
      watch.unreadableAt = undefined;
      watch.asOf = began;
      if (this.differs(watch.version, version)) record(watch, version, changes);
    });
    changes.tell();
  }

  /** The store answers, but gives no version for this key and takes none. Never a change. Says whether that is news. */
  unreadable(key: string): boolean {
    const watch = this.#watches.get(key);
    if (watch === undefined) return false;
    const news = watch.unreadableAt === undefined;
    watch.unreadableAt = this.mark();
    return news;
  }

  /** The store has taken these tokens of this process, whose writing began at `began`. */
  acknowledge(tokens: ReadonlyMap<string, string>, began: number): void {
    const changes = new Changes();
    for (const [key, token] of tokens) {
      const watch = this.#watches.get(key);
      if (watch === undefined) continue;
      if (watch.identity === undefined) {
        // Never read: what the push changed is worth a look, but is no version to compare with.
        changes.add(watch, true);
        continue;
      }
      // Another process wrote it before, or its own wake was faster.
      if (watch.version?.token === token) {
        watch.own = token;
        continue;
      }
      // A change seen since then may be a later token; to go back to this one would be a change too many.
      if (watch.changedAt > began) continue;
      watch.own = token;
      watch.asOf = this.mark();
      record(watch, { token, identity: watch.identity }, changes);
    }
    changes.tell();
  }

  /** The store may or may not have taken pushes of these keys, the last of which were made at these marks. */
  doubt(pushed: ReadonlyMap<string, number>): void {
    const changes = new Changes();
    for (const [key, pushedAt] of pushed) {
      const watch = this.#watches.get(key);
      if (watch === undefined || (watch.version === undefined && watch.changedAt > pushedAt)) continue;
      watch.doubtful = watch.version?.token ?? watch.doubtful;
      watch.version = undefined;
      watch.asOf = watch.changedAt = this.mark();
      changes.add(watch, true);
    }
    changes.tell();
  }

  /** Some process says that it has written `token`: a hint, taken for true until the next read. */
  wake(key: string, token: string): void {
    const watch = this.#watches.get(key);
    if (watch?.identity === undefined || watch.version?.token === token || watch.own === token) return;
    if (this.#expected.has(token)) return;
    const changes = new Changes();
    watch.asOf = this.mark();
    record(watch, { token, identity: watch.identity }, changes);
    changes.tell();
  }

  /** This token is written here, too, so that the wakes of others who do tell nothing new. */
  expect(token: string): void {
    this.#expected.add(token);
    if (this.#expected.size > EXPECTED) this.#expected.delete(this.#expected.values().next().value as string);
  }

  // The decisions, apart from the rest so that the simulation can run with each of them made wrongly.

  /** An answer counts unless it was asked for before what is known already. */
  protected accepts(watch: { readonly asOf: number }, began: number): boolean {
    return began > watch.asOf;
  }

  protected differs(known: StoredVersion | undefined, answer: StoredVersion): boolean {
    return known === undefined || known.token !== answer.token || known.identity !== answer.identity;
  }

  protected compared({ identity, token }: StoredVersion): string {
    return `${identity}:${token}`;
  }
}

function unknown(key: string, now: number): Watch {
  return {
    previous: undefined,
    next: undefined,
    key,
    polledAt: now,
    watchers: undefined,
    version: undefined,
    identity: undefined,
    asOf: NEVER,
    changedAt: NEVER,
    doubtful: undefined,
    own: undefined,
    unreadableAt: undefined,
  };
}

function record(watch: Watch, version: StoredVersion, changes: Changes): void {
  // Another data set answers, and nobody has pushed there since: whatever was lost with the old one can wait a little.
  const untouched = watch.version?.token === version.token || isSeed(version.token);
  const urgent = watch.version === undefined || watch.identity === version.identity || !untouched;
  watch.version = version;
  watch.identity = version.identity;
  if (urgent) watch.changedAt = watch.asOf;
  changes.add(watch, urgent);
}

/** Who has to be told of a batch of changes: each once, and after all of them are recorded. */
class Changes {
  readonly #watchers = new Map<Watcher, boolean>();

  /** What makes all look at once can wait a little. */
  add({ key, watchers }: Watch, isUrgent: boolean): void {
    const urgent = isUrgent && !isEverything(key);
    for (const watcher of membersOf(watchers)) {
      this.#watchers.set(watcher, urgent || this.#watchers.get(watcher) === true);
    }
  }

  tell(): void {
    for (const [watcher, urgent] of this.#watchers) if (watcher.comesFirst) watcher.changed(urgent);
    for (const [watcher, urgent] of this.#watchers) if (!watcher.comesFirst) watcher.changed(urgent);
  }
}
