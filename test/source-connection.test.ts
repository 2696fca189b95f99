import { EventEmitter, on } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { ServerEvent } from '../src/index.ts';
import { untilAborted } from '../src/until-aborted.ts';
import { deferred } from './support/deferred.ts';
import { Stage, type Viewer } from './support/stage.ts';
import { settled } from './support/virtual-clock.ts';

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
    const { viewer, over } = stage.openSource(puppet.source);
    puppet.give({ id: '1', data: 'only' });
    await stage.clock.advance(0);
    puppet.end();
    await over;
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
    await turns();
    expect(puppet.pulls).toBe(1);

    viewer.isStuck = false;
    viewer.drain();
    await turns();
    expect(puppet.pulls).toBe(2);
  });

  it('keeps an event that comes while a heartbeat waits to be taken', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, over } = stage.openSource(puppet.source);
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
    await over;
    expect(viewer.ended).toBe('ended');
  });

  it('waits with its end for a heartbeat that is not taken', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, over } = stage.openSource(puppet.source);
    viewer.isStuck = true;
    await stage.clock.advance(16_000);
    puppet.end();
    await turns();
    expect(viewer.ended).toBeUndefined();
    viewer.isStuck = false;
    viewer.drain();
    await over;
    expect(viewer.ids).toEqual(['sse-trigger-complete']);
  });

  it('gives its client writeTimeout to get the last of it', async () => {
    const stage = new Stage();
    const { viewer, over } = stage.openSource(async function* () {
      yield { data: 1 };
    });
    viewer.keepsOpen = true;
    await over;
    await stage.clock.advance(29_900);
    expect(viewer.ended).toBe('ended');
    await stage.clock.advance(200);
    expect(viewer.ended).toBe('destroyed');
  });

  it('does not end before its last event was taken', async () => {
    const stage = new Stage();
    const { viewer, over } = stage.openSource(async function* () {
      yield { data: 'last' };
    });
    viewer.isStuck = true;
    await stage.clock.advance(10_000);
    expect(viewer.ended).toBeUndefined();
    viewer.isStuck = false;
    viewer.drain();
    await over;
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
    const { viewer, over } = stage.openSource(puppet.source, { lifetime: LIFETIME });
    puppet.give({ id: '1', data: 1 });
    await stage.clock.advance(0);
    leave(viewer, stage);
    await stage.clock.advance(LIFETIME);
    await over;
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
    const { viewer, over } = stage.openSource(source, { lifetime: LIFETIME });
    leave(viewer, stage);
    await stage.clock.advance(LIFETIME);
    event.resolve({ data: 'late' });
    await over;
    expect(isOver).toBe(true);
    expect(viewer.shown).toEqual([]);
  });

  it('when the client has taken nothing for writeTimeout', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const { viewer, over } = stage.openSource(puppet.source, { writeTimeout: 5000 });
    viewer.isStuck = true;
    puppet.give({ data: 1 });
    await stage.clock.advance(6000);
    await over;
    expect(puppet.isOver).toBe(true);
    expect(viewer.ended).toBe('destroyed');
    expect(stage.engine.stats().closed.stuck).toBe(1);
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
    const { viewer, over } = stage.openSource(async function* () {
      yield { id: '1', data: 1 };
      throw thrown;
    });
    await over;
    expect(stage.thrown).toEqual([thrown]);
    expect(viewer.ids).toEqual(['1']);
    expect(Number(/retry: (\d+)\n\n$/.exec(viewer.text)?.[1])).toBeGreaterThanOrEqual(30_000);
    expect(viewer.ended).toBe('ended');
    expect(viewer.text).not.toContain('broken');
  });

  it('in its finally is told of, though the client has left', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    const close = () => {
      throw new Error('cannot close');
    };
    const { viewer, over } = stage.openSource(async function* (signal) {
      try {
        yield* puppet.source(signal);
      } finally {
        close();
      }
    });
    viewer.leave();
    await over;
    expect(stage.thrown).toEqual([new Error('cannot close')]);
  });

  it.each<[string, unknown, RegExp]>([
    ['a text', 'progress', /^an event is an object such as \{ data: 1 \}; this String has none of data, /],
    ['nothing', undefined, /^an event is an object .* this Undefined has none of/],
    ['null', null, /this Null has none of/],
    ['a function', () => 1, /this Function has none of/],
    ['an empty event', {}, /this Object has none of/],
    ['a date', new Date(), /this Date has none of/],
    ['a list', [{ data: 1 }], /an event has no field "0"/],
    [
      'a field that no event has',
      { progress: 1 },
      /^an event has no field "progress"; it has data, event, id, /,
    ],
    ['an id of two lines', { id: 'a\nb' }, /id must not hold CR, LF or NUL/],
    ['what has no JSON', { data: 1n }, /BigInt/],
  ])('because it yields %s sends nothing of it', async (_, event, message) => {
    const stage = new Stage();
    const { viewer, over } = stage.openSource(async function* () {
      yield event as ServerEvent;
    });
    await over;
    expect(stage.thrown).toEqual([expect.objectContaining({ message: expect.stringMatching(message) })]);
    expect(viewer.ids).toEqual([]);
    expect(viewer.texts).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['a promise', async () => [{ data: 1 }]],
    ['a list', () => [{ data: 1 }]],
  ])('because it gives %s ends its stream, and names the mend', async (_, source) => {
    const stage = new Stage();
    const { viewer, over } = stage.openSource(source as never);
    await over;
    expect(stage.thrown).toMatchObject([{ message: expect.stringMatching(/write async function\*, not/) }]);
    expect(viewer.ended).toBe('ended');
  });

  it('because of what it yields is told of at once, though its finally and its client take their time', async () => {
    const stage = new Stage();
    const puppet = new Puppet();
    let isOver = false;
    const { viewer, over } = stage.openSource(async function* (signal) {
      try {
        yield* puppet.source(signal);
      } finally {
        await untilAborted(signal, () => new Promise(() => {})).catch(() => {});
        isOver = true;
      }
    });
    viewer.isStuck = true;
    await stage.clock.advance(16_000); // a heartbeat that is not taken
    puppet.give({ progress: 1 } as ServerEvent);
    await turns();
    expect(stage.thrown).toHaveLength(1);
    expect(isOver).toBe(false);
    viewer.isStuck = false;
    viewer.drain();
    await over;
    expect(isOver).toBe(true);
    expect(viewer.ended).toBe('ended');
    expect(Number(/retry: (\d+)\n\n$/.exec(viewer.text)?.[1])).toBeGreaterThanOrEqual(30_000);
  });
});

describe('what only says that the source was stopped is no error:', () => {
  it.each<[string, (signal: AbortSignal) => unknown]>([
    ['the reason', (signal) => signal.reason],
    ['an AbortError', () => new DOMException('stopped', 'AbortError')],
    ['an error that the reason has caused', (signal) => new Error('stopped', { cause: signal.reason })],
    ['a CanceledError', () => Object.assign(new Error('stopped'), { code: 'ERR_CANCELED' })],
  ])('%s', async (_, makeError) => {
    const stage = new Stage();
    const { viewer, over } = stage.openSource(async function* (signal) {
      yield { data: 1 };
      await untilAborted(signal, () => new Promise(() => {})).catch(() => {});
      throw makeError(signal);
    });
    await stage.clock.advance(0);
    viewer.leave();
    await over;
    expect(stage.thrown).toEqual([]);
  });
});

it('has an iterator that waits and heeds no signal return at once', async () => {
  const stage = new Stage();
  const emitter = new EventEmitter();
  const { viewer, over } = stage.openSource(() => on(emitter, 'event') as AsyncIterable<never>);
  await stage.clock.advance(0);
  expect(emitter.listenerCount('event')).toBe(1);
  viewer.leave();
  await over;
  expect(emitter.listenerCount('event')).toBe(0);
});

it('closes only when its sources are over, but waits no longer than the store may take', async () => {
  const stage = new Stage();
  const released = deferred<void>();
  let isOver = false;
  const { viewer, over } = stage.openSource(async function* () {
    try {
      yield { data: 1 };
    } finally {
      await released.promise;
      isOver = true;
    }
  });
  viewer.isStuck = true;
  await turns();
  const closing = [stage.engine.close(), over].map(async (promise) => {
    await promise;
    return isOver;
  });
  await stage.clock.advance(500);
  released.resolve();
  expect(await Promise.all(closing)).toEqual([true, true]);

  const another = new Stage();
  another.openSource(async function* () {
    await new Promise(() => {});
    yield { data: 'never' };
  });
  const closed = another.engine.close();
  await another.clock.advance(1000);
  await closed;
});

it('does not ask a source for a client that is gone with the first bytes', async () => {
  const stage = new Stage();
  const source = vi.fn(new Puppet().source);
  const write = () => {
    throw new Error('gone');
  };
  await stage.openSource(source, {}, write).over;
  expect(source).not.toHaveBeenCalled();
  expect(stage.engine.stats().streams).toBe(0);
});

const steps = fc.array(fc.constantFrom('give', 'stick', 'drain', 'a moment', 'a heartbeat'), {
  maxLength: 30,
});

it('loses and doubles nothing, whatever the client does in between, and leaves nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('return', 'leave'), async (schedule, end) => {
      const stage = new Stage();
      const puppet = new Puppet();
      const { viewer, over } = stage.openSource(puppet.source);
      const given: string[] = [];
      for (const step of schedule) {
        if (step === 'give') puppet.give({ data: `event ${given.push(`event ${given.length}`) - 1}` });
        else if (step === 'stick') viewer.isStuck = true;
        else if (step === 'drain') free(viewer);
        else await stage.clock.advance(step === 'a heartbeat' ? 15_500 : 0);
      }
      if (end === 'leave') viewer.leave();
      else puppet.end();
      free(viewer);
      await over;
      const got = viewer.texts.filter((text) => text !== ''); // that of the end
      expect(got).toEqual(given.slice(0, got.length));
      if (end === 'return' && viewer.ended !== 'destroyed') expect(got).toEqual(given);
      expect(puppet.isOver).toBe(true);
      expect(stage.engine.stats().streams).toBe(0);
      viewer.leave(); // it has got the last bytes
      expect(stage.clock.pending).toBe(0);
    }),
    { numRuns: 500 },
  );
});

/** Lets go on whatever only waits for its turn. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await settled();
}

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
