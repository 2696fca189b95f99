/** What the application has states of, each with the key of the same name. */
export const KEYS = ['a', 'b', 'c'] as const;
export type Key = (typeof KEYS)[number];

export const VIEWERS = ['ann', 'bob'] as const;
export type Viewer = (typeof VIEWERS)[number];

export interface SimFeed {
  readonly name: string;
  readonly keys: readonly Key[];
}

/** When it is asked again who may look. */
export interface Guard {
  /** Whether there is a key that is pushed when it has changed. */
  readonly isKeyed: boolean;
  readonly authorizeEvery: number;
}

/** One `streamSse` of the application. */
export interface Page {
  readonly number: number;
  readonly feeds: readonly SimFeed[];
  /** undefined where everybody may look. */
  readonly guard: Guard | undefined;
}

const single: Page = { number: 0, feeds: [{ name: 'a', keys: ['a'] }], guard: undefined };
const other: Page = { number: 1, feeds: [{ name: 'b', keys: ['b'] }], guard: undefined };
const several: Page = {
  number: 2,
  feeds: [
    { name: 'x', keys: ['a'] },
    { name: 'y', keys: ['b', 'c'] },
    { name: 'z', keys: ['c'] },
  ],
  guard: undefined,
};
const keyed: Page = {
  number: 3,
  feeds: [{ name: 'keyed', keys: ['a', 'b'] }],
  guard: { isKeyed: true, authorizeEvery: 20_000 },
};
const timed: Page = {
  number: 4,
  feeds: [{ name: 'timed', keys: ['c'] }],
  guard: { isKeyed: false, authorizeEvery: 8000 },
};

export const PAGES: readonly Page[] = [single, other, several, keyed, timed];

/** Who has a page open in a browser. */
export interface Visitor {
  readonly page: Page;
  /** Who looks; undefined where everybody may. */
  readonly viewer: Viewer | undefined;
}

/** Ann has one tab of a page more than a viewer may have. */
export const VISITORS: readonly Visitor[] = [
  { page: single, viewer: undefined },
  { page: other, viewer: undefined },
  { page: several, viewer: undefined },
  { page: several, viewer: undefined },
  { page: keyed, viewer: 'ann' },
  { page: keyed, viewer: 'ann' },
  { page: keyed, viewer: 'ann' },
  { page: keyed, viewer: 'bob' },
  { page: timed, viewer: 'bob' },
  { page: timed, viewer: 'bob' },
];
export const MAX_PER_VIEWER = 2;

/** The key that is pushed when it has changed what a viewer may see. */
export function roleOf(viewer: Viewer): string {
  return `roles:${viewer}`;
}
