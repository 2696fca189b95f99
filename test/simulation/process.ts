import { Engine, type EngineOptions, type Route } from '../../src/engine.ts';
import type { FeedConnection } from '../../src/feed-connection.ts';
import type { SseTrigger } from '../../src/trigger.ts';
import { Viewers } from '../../src/viewers.ts';
import { THROTTLE } from './bounds.ts';
import { MAX_PER_VIEWER, PAGES, type Viewer } from './pages.ts';
import type { SimStore } from './store.ts';
import { borrowTrigger, giveBack } from './triggers.ts';

export const DATA_TIMEOUT = 3000;
export const WRITE_TIMEOUT = 4000;

const settings = {
  heartbeat: 15_000,
  retry: [2000, 5000],
  throttle: THROTTLE,
  resync: 0,
  dataTimeout: DATA_TIMEOUT,
  writeTimeout: WRITE_TIMEOUT,
  maxPerViewer: MAX_PER_VIEWER,
  revision: '',
} as const satisfies Partial<Route>;

/** What the application said of a viewer on a page. */
export interface Answer {
  /** Counts all calls. */
  readonly call: number;
  readonly askedAt: number;
  readonly answeredAt: number;
  /** Until when the viewer may look, and which state of the database that was. */
  readonly until: number;
  readonly state: number;
}

/** What is to be done about a key that was pushed in vain. */
export interface Kept {
  /** The store has taken it after all; `sentAt` is the mark of the losses when it was sent. */
  written(sentAt: number): void;
  /** Who kept it is no more. */
  lost(): void;
}

/** Told of every push, also of those that an engine makes by itself, when it begins. */
type OnPush = (process: SimProcess, push: SimPush) => void;

export interface SimPush {
  readonly keys: readonly string[];
  /** That of all processes, where the database tells them of the change. */
  readonly version?: string;
  readonly stored: Promise<boolean>;
}

export interface ProcessOptions extends EngineOptions {
  readonly store: SimStore;
  /** That of all streams. */
  readonly lifetime: number;
}

/** A process of the application, with the real engine and trigger. */
export class SimProcess {
  readonly engine: Engine;
  readonly trigger: SseTrigger;
  readonly store: SimStore;
  readonly routes: readonly Route[];
  isAlive = true;
  /** The last answer by page and viewer. */
  readonly answers = new Map<string, Answer>();
  /** The last call that failed, as often. */
  readonly failures = new Map<string, number>();
  /** The oldest state of the database by which anything may be shown to a viewer. */
  readonly owed: Record<Viewer, number> = { ann: 0, bob: 0 };
  /** What it pushed in vain and keeps. */
  readonly kept = new Map<string, Kept>();
  /** When it hears what the database told last. */
  hearsAt = 0;
  /** When each key was pushed last. */
  readonly pushedAt = new Map<string, number>();

  constructor({ lifetime, ...options }: ProcessOptions, onPush: OnPush) {
    this.engine = new ToldEngine(options, (push) => onPush(this, push));
    this.store = options.store;
    this.trigger = borrowTrigger(this.engine, options.store);
    this.routes = PAGES.map(({ number }) => ({
      ...settings,
      lifetime,
      number,
      viewers: new Viewers<FeedConnection>(),
    }));
  }

  /** The trigger is needed for another process. */
  release(): void {
    giveBack(this.trigger);
  }
}

class ToldEngine extends Engine {
  readonly #onPush: (push: SimPush) => void;

  constructor(options: EngineOptions, onPush: (push: SimPush) => void) {
    super(options);
    this.#onPush = onPush;
  }

  override push(keys: readonly string[]): Promise<boolean> {
    const stored = super.push(keys);
    this.#onPush({ keys, stored });
    return stored;
  }

  override pushShared(key: string, version: string): Promise<boolean> {
    const stored = super.pushShared(key, version);
    this.#onPush({ keys: [key], version, stored });
    return stored;
  }
}
