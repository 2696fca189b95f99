import { SimClient } from './client.ts';
import type { SimConnection } from './connection.ts';
import type { Page, Viewer, Visitor } from './pages.ts';
import type { SimProcess } from './process.ts';
import type { Trouble } from './troubles.ts';

/** Who has asked to open a stream, and waits for the answer. */
export interface Waiting {
  readonly host: SimProcess;
  leave(): void;
}

/** A tab of somebody's browser, with one page open in it. */
export class SimTab {
  readonly index: number;
  readonly page: Page;
  readonly viewer: Viewer | undefined;
  readonly client = new SimClient();
  connection: SimConnection | undefined;
  waiting: Waiting | undefined;
  /** That it takes what it is sent too slowly, or not at all. */
  lag: Trouble | undefined;
  /** Set while it is to come back by itself. */
  stopComingBack: (() => void) | undefined;

  constructor(index: number, { page, viewer }: Visitor) {
    this.index = index;
    this.page = page;
    this.viewer = viewer;
  }

  /** In which process its stream is, or will be. */
  get host(): SimProcess | undefined {
    return this.connection?.host ?? this.waiting?.host;
  }

  endLag(): void {
    this.lag?.endsIn();
    this.lag = undefined;
  }
}
