import type { VirtualClock } from '../support/virtual-clock.ts';

/** What a trouble may concern: some keys on the stream of a tab, in a process. */
export interface Where {
  readonly tab: number;
  readonly host: object;
  readonly keys: readonly string[];
  /** When the stream was opened. */
  readonly openedAt: number;
}

export type TroubleKind = 'store' | 'callbacks' | 'answers' | 'permissions' | 'client';

interface Period {
  readonly kind: TroubleKind;
  readonly concerns: (where: Where) => boolean;
  readonly from: number;
  to: number;
}

/** Something for which the guarantee makes an exception while it lasts. */
export interface Trouble {
  /** It is over, in so many milliseconds. */
  endsIn(ms?: number): void;
}

/** All exceptions that the guarantee makes, and when. */
export class Troubles {
  readonly #clock: VirtualClock;
  readonly #periods: Period[] = [];
  #quietAt = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  begin(kind: TroubleKind, concerns: Period['concerns'] = () => true): Trouble {
    const period = { kind, concerns, from: this.#clock.now(), to: Number.POSITIVE_INFINITY };
    this.#periods.push(period);
    return {
      endsIn: (ms = 0) => {
        period.to = this.#clock.now() + ms;
        this.echoes(ms);
      },
    };
  }

  /** What happens now may have consequences for so many milliseconds. */
  echoes(ms: number): void {
    this.#quietAt = Math.max(this.#quietAt, this.#clock.now() + ms);
  }

  /** When all is over that is known to end. */
  get quietAt(): number {
    return this.#quietAt;
  }

  hadAny(kinds: readonly TroubleKind[], where: Where, since: number): boolean {
    return this.#periods.some(
      ({ kind, concerns, to }) => to > since && kinds.includes(kind) && concerns(where),
    );
  }

  /** Until when there was trouble of this kind, wherever, from that time on and never over for as long as `pause`. */
  lasted(kind: TroubleKind, since: number, pause: number): number {
    let until = since;
    for (;;) {
      const later = this.#periods.find(
        (period) => period.kind === kind && period.from <= until + pause && period.to > until,
      );
      if (later === undefined) return until;
      until = later.to;
    }
  }
}
