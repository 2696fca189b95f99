import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServerEvent } from '../src/index.ts';
import { untilAborted } from '../src/until-aborted.ts';
import { deferred } from './support/deferred.ts';
import { Stage, type Viewer } from './support/stage.ts';

/** A source that yields what it is given, one after the other, and says how it goes. */
class Puppet {
  readonly #given: (ServerEvent | undefined)[] = [];
  #onGiven = () => {};
  pulls = 0;
  isOver = false;

  readonly source = async function* (this: Puppet, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    try {
      for (;;) {
        this.pulls += 1;
        while (this.#given.length === 0) await this.#untilGiven(signal);
        const event = this.#given.shift();
        if (event === undefined) return;
        yield event;
      }
    } finally {
      this.isOver = true;
    }
  }.bind(this);

  give(event: ServerEvent): void {
    this.#given.push(event);
    this.#onGiven();
  }

  end(): void {
    this.#given.push(undefined);
    this.#onGiven();
  }

  #untilGiven(signal: AbortSignal): Promise<void> {
    return untilAborted(signal, () => {
      return new Promise<void>((resolve) => {
        this.#onGiven = resolve;
      });
    });
  }
}

describe('a stream that a source feeds', () => {
  it('begins at once, sends what is yielded as it is yielded, and heartbeats in between', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer } = stage.openSource(puppet.source);
    expect(viewer.text).toMatch(/^: open\nretry: \d+\n\n$/);

    puppet.give({ id: '1', event: 'step', data: { done: 1 } });
    await stage.clock.advance(31_000);
    puppet.give({ comment: 'half', retry: 5 });
    await stage.clock.advance(16_000);

    expect(viewer.heartbeats.map((at) => Math.round(at / 1000))).toEqual([15, 30, 46]);
    expect(withoutHeartbeats(viewer)).toEqual([
      'id: 1\nevent: step\ndata: {"done":1}\n\n',
      ': half\nretry: 5\n\n',
    ]);
    expect(stage.engine.stats()).toMatchObject({ streams: 1, keys: 0, checks: 0, runs: 0, frames: 1 });
  });

  it('ends when the source returns, with an id that says so', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, sent } = stage.openSource(puppet.source);
    puppet.give({ id: '1', data: 'only' });
    await stage.clock.advance(0);
    puppet.end();
    await sent;
    expect(viewer.ids).toEqual(['1', 'sse-trigger-complete']);
    expect(viewer.ended).toBe('ended');
    expect(stage.engine.stats().streams).toBe(0);
  });

  it('asks for more only when the client has taken what there was', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer } = stage.openSource(puppet.source);
    viewer.isStuck = true;
    puppet.give({ data: 1 });
    await stage.clock.advance(10_000);
    expect(viewer.shown).toEqual([1]);
    expect(puppet.pulls).toBe(1);

    viewer.isStuck = false;
    viewer.drain();
    await stage.clock.advance(0);
    expect(puppet.pulls).toBe(2);
  });

  it('keeps an event that comes while a heartbeat waits to be taken', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, sent } = stage.openSource(puppet.source);
    viewer.isStuck = true;
    await stage.clock.advance(16_000);
    puppet.give({ data: 1 });
    await stage.clock.advance(1000);
    expect(viewer.shown).toEqual([]);

    viewer.isStuck = false;
    viewer.drain();
    await stage.clock.advance(0);
    expect(viewer.shown).toEqual([1]);
    puppet.end();
    await sent;
    expect(viewer.ended).toBe('ended');
  });

  it('does not end before its last event was taken', async () => {
    const stage = new Stage();
    const { viewer, sent } = stage.openSource(async function* () {
      yield { data: 'last' };
    });
    viewer.isStuck = true;
    await stage.clock.advance(10_000);
    expect(viewer.ended).toBeUndefined();
    viewer.isStuck = false;
    viewer.drain();
    await sent;
    expect(viewer.ended).toBe('ended');
    expect(viewer.ids).toEqual(['sse-trigger-complete']);
  });

  it('leaves everybody else their turn, though the source never waits', async () => {
    const stage = new Stage();
    const { viewer } = stage.openSource(async function* () {
      for (let count = 0; ; count += 1) yield { data: count };
    });
    const other = stage.open();
    await stage.clock.advance(0);
    expect(other.shown).toEqual([1]);
    viewer.leave();
    await stage.clock.advance(0);
    expect(viewer.shown.length).toBeGreaterThan(0);
  });
});

describe('a source is stopped, and its finally run,', () => {
  const LIFETIME = 60_000;
  const ways: [string, (viewer: Viewer, stage: Stage) => unknown, Viewer['ended']][] = [
    ['when the client leaves', (viewer) => viewer.leave(), undefined],
    ['after the lifetime', () => {}, 'ended'],
    ['when the server drains', (_, stage) => stage.engine.drain(0), 'ended'],
  ];

  it.each(ways)('%s, while it waits', async (_, leave, ended) => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, sent } = stage.openSource(puppet.source, { lifetime: LIFETIME });
    puppet.give({ id: '1', data: 1 });
    await stage.clock.advance(0);
    leave(viewer, stage);
    await stage.clock.advance(LIFETIME);
    await sent;
    expect(puppet.isOver).toBe(true);
    expect(viewer.ids).toEqual(['1']); // where it goes on when it comes back
    expect(viewer.ended).toBe(ended);
    expect(stage.engine.stats().streams).toBe(0);
  });

  it.each(ways)('%s, as soon as it yields if it does not heed the signal', async (_, leave) => {
    const stage = new Stage();
    const event = deferred<ServerEvent>();
    let isOver = false;
    const source = async function* () {
      try {
        yield await event.promise;
        expect.unreachable();
      } finally {
        isOver = true;
      }
    };
    const { viewer, sent } = stage.openSource(source, { lifetime: LIFETIME });
    leave(viewer, stage);
    await stage.clock.advance(LIFETIME);
    event.resolve({ data: 'late' });
    await sent;
    expect(isOver).toBe(true);
    expect(viewer.shown).toEqual([]);
  });

  it('when the client has taken nothing for writeTimeout', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, sent } = stage.openSource(puppet.source, { writeTimeout: 5000 });
    viewer.isStuck = true;
    puppet.give({ data: 1 });
    await stage.clock.advance(6000);
    await sent;
    expect(puppet.isOver).toBe(true);
    expect(viewer.ended).toBe('destroyed');
    expect(stage.engine.stats().stuck).toBe(1);
  });
});

describe('a source that throws', () => {
  it.each<[string, () => unknown]>([
    ['an error', () => new Error('broken')],
    ['something else', () => 'broken'],
    ['an abort that nobody asked for', () => new DOMException('broken', 'AbortError')],
  ])('%s ends its stream for half a minute, after what it has yielded', async (_, makeError) => {
    const stage = new Stage();
    const thrown = makeError();
    const { viewer, sent } = stage.openSource(async function* () {
      yield { id: '1', data: 1 };
      throw thrown;
    });
    await expect(sent).rejects.toBe(thrown);
    expect(viewer.ids).toEqual(['1']);
    expect(Number(/retry: (\d+)\n\n$/.exec(viewer.text)?.[1])).toBeGreaterThanOrEqual(30_000);
    expect(viewer.ended).toBe('ended');
    expect(viewer.text).not.toContain('broken');
  });

  it('in its finally is told of, though the client has left', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, sent } = stage.openSource(async function* (signal) {
      try {
        yield* puppet.source(signal);
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: it is what is tried here
        throw new Error('cannot close');
      }
    });
    viewer.leave();
    await expect(sent).rejects.toThrow('cannot close');
  });

  it.each<[string, unknown, RegExp]>([
    ['a text', 'progress', /a source yields events, such as \{ data: 1 \}, and not "progress"/],
    ['nothing', undefined, /a source yields events/],
    ['no field of an event', { progress: 1 }, /an event has no option "progress"; it has data, event, id/],
    ['an id of two lines', { id: 'a\nb' }, /id must not hold CR, LF or NUL/],
    ['what has no JSON', { data: 1n }, /BigInt/],
  ])('because it yields %s sends nothing of it', async (_, event, message) => {
    const stage = new Stage();
    const { viewer, sent } = stage.openSource(async function* () {
      yield event as ServerEvent;
    });
    await expect(sent).rejects.toThrow(message);
    expect(viewer.ids).toEqual([]);
    expect(viewer.texts).toEqual([]);
  });
});

const steps = fc.array(fc.constantFrom('give', 'stick', 'drain', 'a moment', 'a heartbeat'), {
  maxLength: 30,
});

it('loses and doubles nothing, whatever the client does in between, and leaves nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('return', 'leave'), async (schedule, end) => {
      const stage = new Stage();
      const puppet = new Puppet();
      const { viewer, sent } = stage.openSource(puppet.source);
      const given: number[] = [];
      for (const step of schedule) {
        if (step === 'give') puppet.give({ data: given.push(given.length) - 1 });
        else if (step === 'stick') viewer.isStuck = true;
        else if (step === 'drain') free(viewer);
        else await stage.clock.advance(step === 'a heartbeat' ? 15_500 : 0);
      }
      if (end === 'leave') viewer.leave();
      else puppet.end();
      free(viewer);
      await sent;
      const complete = viewer.shown.length === given.length;
      expect(viewer.shown).toEqual(given.slice(0, viewer.shown.length));
      if (end === 'return' && viewer.ended !== 'destroyed') expect(complete).toBe(true);
      expect(puppet.isOver).toBe(true);
      expect(stage.engine.stats().streams).toBe(0);
      viewer.leave(); // it has got the last bytes
      expect(stage.clock.pending).toBe(0);
    }),
    { numRuns: 500 },
  );
});

function free(viewer: Viewer): void {
  viewer.isStuck = false;
  viewer.drain();
}

function withoutHeartbeats({ writes }: Viewer): string[] {
  return writes
    .slice(1)
    .map(({ bytes }) => bytes.toString())
    .filter((text) => text !== ':\n\n');
}
