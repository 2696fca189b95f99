import { AsyncResource } from 'node:async_hooks';
import { Connection } from '../../src/connection.ts';
import { Engine } from '../../src/engine.ts';
import { Feed } from '../../src/feed.ts';
import { FeedConnection, type Slot } from '../../src/feed-connection.ts';
import { Gate, type Job } from '../../src/gate.ts';
import { Outbox, type OutboxOptions } from '../../src/outbox.ts';
import { Permission, type Waiting } from '../../src/permission.ts';
import { type PermissionRequest, Permissions } from '../../src/permissions.ts';
import { Poller } from '../../src/poller.ts';
import { PushScopes } from '../../src/push-scope.ts';
import type { StoredVersion } from '../../src/store.ts';
import { Versions } from '../../src/versions.ts';
import { Viewers } from '../../src/viewers.ts';
import type { WorldOptions } from './scene.ts';

/** An engine in which one rule of the design is broken. */
export interface Mutant {
  readonly name: string;
  /** What is to be seen of it. */
  readonly sign: RegExp;
  /** Whether that shows where nothing else fails. */
  readonly isCalm?: boolean;
  /** Until `mendRules`. */
  readonly breaks?: () => void;
  /** What is wrong with it, or what the world is to be like. */
  readonly changes?: Partial<WorldOptions>;
}

type Rule = (...args: never[]) => unknown;

/** What makes the broken rules whole again. */
const mends: (() => void)[] = [];

/**
 * Has one rule decided otherwise; `wrong` gets the right decision to build on. No spy does it, since that would keep all that
 * it is called with.
 */
function breakRule({ prototype }: { prototype: object }, rule: string, wrong: (right: Rule) => Rule): void {
  const right = Object.getOwnPropertyDescriptor(prototype, rule);
  if (right === undefined) throw new Error(`${rule} is no rule any more`);
  const { get, value } = right;
  const broken = get === undefined ? { ...right, value: wrong(value) } : { ...right, get: wrong(get) };
  Object.defineProperty(prototype, rule, broken);
  mends.push(() => Object.defineProperty(prototype, rule, right));
}

export function mendRules(): void {
  for (const mend of mends.splice(0)) mend();
}

/** In no unit of work. */
const outside = new AsyncResource('outside');

/** Somebody is not shown what was promised, in time. */
const OUT_OF_DATE = /client \d+ shows/;

/** What is pushed is seen with a poll, so that there is time for it to be lost, or not to be known. */
const NO_WAKES = { lost: 1, doubled: 0, latest: 0 };

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the version is recorded after the callback',
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(
        Feed,
        'toFrame',
        (right) =>
          function toFrame(this: { position(): string }, run: object, data: unknown) {
            return right.call(this, { ...run, position: this.position() } as never, data as never);
          },
      ),
    // A slow callback leaves time for a push, and for a client to come back with the wrong id.
    changes: { callback: 1500 },
  },
  {
    name: 'a version is a counter',
    sign: OUT_OF_DATE,
    changes: {
      newToken: () => {
        let count = 0;
        return () => {
          count += 1;
          return String(count);
        };
      },
    },
  },
  {
    name: 'a version is a timestamp, compared with >',
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(Versions, 'differs', () => (known?: StoredVersion, answer?: StoredVersion) => {
        return known === undefined || Number.parseInt(answer!.token, 10) > Number.parseInt(known.token, 10);
      }),
    // The clocks of two machines are a second apart.
    changes: { newToken: (process, clock) => () => `${Math.floor(clock.now()) + 1000 * process}` },
  },
  {
    name: 'a missing version is not seeded',
    sign: OUT_OF_DATE,
    breaks: () => breakRule(Poller, 'seeds', () => () => new Map()),
  },
  {
    name: 'another data set that answers is no change',
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(Versions, 'differs', () => (known?: StoredVersion, answer?: StoredVersion) => {
        return known?.token !== answer!.token;
      }),
    changes: { wakes: NO_WAKES },
  },
  {
    name: "the data set's identity is left out of the version",
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(
        Versions,
        'compared',
        () =>
          ({ token }: StoredVersion) =>
            token,
      ),
  },
  {
    name: "the own token is recorded before the store's answer",
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(
        Outbox,
        'send',
        (right) =>
          function send(
            this: { options: OutboxOptions },
            tokens: ReadonlyMap<string, string>,
            expires: number,
          ) {
            this.options.onStored(tokens, this.options.mark());
            return right.call(this, tokens as never, expires as never);
          },
      ),
  },
  {
    name: 'answers are applied in the order in which they arrive',
    sign: /no push explains/,
    isCalm: true,
    breaks: () => breakRule(Versions, 'accepts', () => () => true),
  },
  {
    name: 'answers count only where all keys were answered',
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(
        Versions,
        'read',
        (right) =>
          function read(this: Versions, ...[keys, answers, began]: Parameters<Versions['read']>) {
            if (!answers.includes(undefined))
              right.call(this, keys as never, answers as never, began as never);
          },
      ),
  },
  {
    name: 'a failed run is not tried again',
    sign: OUT_OF_DATE,
    breaks: () => breakRule(Feed, 'backOff', () => () => undefined),
  },
  {
    name: 'the store has no deadline',
    sign: OUT_OF_DATE,
    // No method decides on it: what keeps deadlines is a function, and it does so for callbacks, too.
    changes: { storeTimeout: 1_000_000_000 },
  },
  {
    name: 'two results of one feed are made at once',
    sign: /runs of \w+ at once/,
    breaks: () => breakRule(Feed, 'isBusy', () => () => false),
  },
  {
    name: 'more callbacks run at once than maxRuns',
    sign: /callbacks at once/,
    breaks: () => breakRule(Gate, 'enter', () => (job: Job) => void job.run()),
  },
  {
    name: 'polls overlap',
    sign: /two calls to read at once/,
    breaks: () => breakRule(Poller, 'isBusy', () => () => false),
  },
  {
    name: 'keys are watched when all who looked have left',
    sign: /keys left/,
    breaks: () => breakRule(Versions, 'unwatch', () => () => {}),
  },
  {
    name: 'an id has the positions of frames that were not sent',
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(
        FeedConnection,
        'currentId',
        () =>
          function currentId(this: { slots: readonly Slot[] }) {
            return this.slots.map((slot) => slot.newest?.position ?? slot.position ?? '-').join('.');
          },
      ),
  },
  {
    name: 'a client that takes nothing is written to',
    sign: /written although the client takes nothing/,
    breaks: () =>
      breakRule(
        Connection,
        'takesMore',
        () =>
          function takesMore(this: { isOpen: boolean }) {
            return this.isOpen;
          },
      ),
  },
  {
    name: 'a client that takes nothing is not cut off',
    sign: /not cut off/,
    breaks: () =>
      breakRule(
        Connection,
        'visit',
        (right) =>
          function visit(this: { isBlocked: boolean }, now: number) {
            return this.isBlocked ? now + 1000 : right.call(this, now as never);
          },
      ),
  },
  {
    name: 'a viewer has any number of streams',
    sign: /the wrong streams/,
    breaks: () => breakRule(Viewers, 'inExcess', () => () => []),
  },
  {
    name: 'the newest streams of a viewer end in place of the oldest',
    sign: /the wrong streams/,
    breaks: () =>
      breakRule(
        Viewers,
        'inExcess',
        (right) =>
          function inExcess(this: unknown, viewer: string, most: number) {
            const all = right.call(this, viewer as never, 0 as never) as object[];
            return all.slice(Math.min(all.length, Math.max(0, most - 1)));
          },
      ),
  },
  {
    name: 'keys that the store did not take are forgotten',
    sign: /never written/,
    breaks: () => breakRule(Outbox, 'retry', () => () => {}),
  },
  {
    name: 'each process makes a version of its own for what all have heard of',
    sign: /no push explains/,
    isCalm: true,
    breaks: () =>
      breakRule(
        Outbox,
        'push',
        (right) =>
          function push(this: unknown, keys: never) {
            return right.call(this, keys);
          },
      ),
  },
  {
    name: 'what all hear of is not watched',
    sign: OUT_OF_DATE,
    breaks: () => breakRule(Versions, 'all', () => (keys) => keys),
    changes: { isSharing: true },
  },
  {
    name: 'pushAfter does not hold keys back',
    sign: OUT_OF_DATE,
    breaks: () => breakRule(PushScopes, 'take', () => () => false),
  },
  {
    name: 'an inner unit of work pushes when the outer one goes on',
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(
        PushScopes,
        'run',
        (right) =>
          function run(this: unknown, ...args: never[]) {
            return outside.runInAsyncScope(() => right.call(this, ...args));
          },
      ),
  },
  {
    name: 'keys of work that threw are dropped',
    sign: OUT_OF_DATE,
    breaks: () =>
      breakRule(
        PushScopes,
        'run',
        (right) =>
          function run(this: unknown, work: never) {
            return right.call(this, work, 'drop' as never);
          },
      ),
  },
  {
    name: 'keys of work that threw are not pushed again',
    sign: OUT_OF_DATE,
    breaks: () => breakRule(Engine, 'pushAgain', () => () => {}),
  },
  {
    name: 'a result is sent after a no',
    sign: /a result was sent to \w+ after a no/,
    breaks: () => breakRule(Permission, 'refuse', () => () => {}),
  },
  {
    name: 'a result is sent before the answer',
    sign: /a result was sent to \w+ before there was an answer/,
    breaks: () => breakRule(Permission, 'allows', () => () => true),
  },
  {
    name: 'an answer counts although its key has changed since it was asked for',
    sign: /by an answer from before the push/,
    breaks: () => breakRule(Permission, 'counts', () => () => true),
  },
  {
    name: 'an answer that is known is taken without its keys being read',
    sign: /was let in by an old answer/,
    breaks: () =>
      breakRule(
        Permission,
        'apply',
        (right) =>
          function apply(this: Permission, applicant: Waiting) {
            const applied = right.call(this, applicant as never);
            if (this.keys.length > 0 && this.allows()) applicant.permitted(Number.POSITIVE_INFINITY);
            return applied;
          },
      ),
  },
  {
    name: 'an answer that is known is taken although its keys could not be read',
    sign: /was let in by an old answer/,
    breaks: () => breakRule(Versions, 'isKnownSince', () => () => true),
    changes: { processes: 2, wakes: NO_WAKES },
  },
  {
    name: 'a stream that was let in without an answer is sent something by an older yes',
    sign: /by an older answer/,
    breaks: () =>
      breakRule(
        Permission,
        'allows',
        (right) =>
          function allows(this: unknown) {
            return right.call(this, 0 as never);
          },
      ),
    changes: { callback: 1500, maxRuns: 1 },
  },
  {
    name: 'a stream goes on when its permission has expired',
    sign: /the permission of \w+ has expired/,
    breaks: () =>
      breakRule(
        Permission,
        'refuse',
        (right) =>
          function refuse(this: unknown, ask: number, answer: unknown) {
            if (ask !== 0) right.call(this, ask as never, answer as never);
          },
      ),
  },
  {
    name: 'a yes stands for ever',
    sign: /may not look since/,
    breaks: () =>
      breakRule(
        Permissions,
        'apply',
        (right) =>
          function apply(this: unknown, route: number, request: PermissionRequest, path: string) {
            const rule = { ...request.rule, authorizeEvery: 1_000_000_000 };
            return right.call(this, route as never, { ...request, rule } as never, path as never);
          },
      ),
  },
  {
    name: 'it is asked for each stream of a viewer',
    sign: /asked for twice at once/,
    breaks: () => {
      let applicants = 0;
      breakRule(
        Permissions,
        'apply',
        (right) =>
          function apply(this: unknown, route: number, ...others: never[]) {
            applicants += 1;
            return right.call(this, (route + applicants / 1e6) as never, ...others);
          },
      );
    },
  },
];
