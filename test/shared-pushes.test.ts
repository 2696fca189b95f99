import diagnosticsChannel from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { EVERYTHING, sharedKey } from '../src/shared-key.ts';
import { Random } from './simulation/random.ts';
import { SimServer } from './simulation/server.ts';
import { SimStore } from './simulation/store.ts';
import { Stage } from './support/stage.ts';
import { VirtualClock } from './support/virtual-clock.ts';

/** Two processes that hear of the same changes. */
function twoStages(latency = 0, first?: Stage) {
  const here = first ?? new Stage();
  const there = new Stage({}, here);
  const stages = [here, there].map((stage, index) => {
    if (latency === 0) return stage;
    const store = new SimStore(here.server, here.clock, new Random(index), latency);
    return new Stage({ store }, here);
  }) as [Stage, Stage];
  for (const { engine } of stages) engine.share();
  return { stages, clock: here.clock, server: here.server };
}

/** The same with two servers, of which one keeps the versions of 'key' and one those of everything. */
function twoStagesOnTwoServers() {
  const clock = new VirtualClock();
  const wakes = { lost: 0, doubled: 0, latest: 0 };
  const server = new SimServer(clock, new Random(1), wakes, { nodes: 2 });
  const servers = { ofKey: server.nodeOf('key'), ofEverything: server.nodeOf(EVERYTHING) };
  expect(servers.ofKey).not.toBe(servers.ofEverything);
  const store = new SimStore(server, clock, new Random(1), 0);
  return { ...twoStages(0, new Stage({ store }, { clock, server })), ...servers };
}

describe('a version that several processes write', () => {
  it('is one look in each, whoever hears of the change first and however late the others', async () => {
    for (const lag of [0, 1, 10, 99, 150, 900, 3000]) {
      for (const order of [0, 1]) {
        const { stages, clock } = twoStages();
        const viewers = stages.map((stage) => stage.open());
        await clock.advance(10_000);
        const [first, second] = order === 0 ? stages : stages.toReversed();
        void first!.engine.pushShared('key', 'change');
        await clock.advance(lag);
        void second!.engine.pushShared('key', 'change');
        await clock.advance(10_000);
        for (const viewer of viewers) expect(viewer.shown).toEqual([1, 2]);
        expect(viewers[0]!.ids).toEqual(viewers[1]!.ids);
      }
    }
  });

  it('is one look in each, also when the store takes its time', async () => {
    const { stages, clock } = twoStages(20);
    const random = new Random(7);
    const viewers = stages.map((stage) => stage.open());
    await clock.advance(10_000);
    for (let change = 1; change <= 200; change += 1) {
      for (const { engine } of stages) {
        clock.after(random.upTo(50), () => void engine.pushShared('key', `change ${change}`));
      }
      await clock.advance(500);
    }
    for (const viewer of viewers) expect(viewer.shown).toHaveLength(201);
  });

  it('is no look of this process again when another one is behind', async () => {
    const { stages, clock } = twoStages();
    const [here, there] = stages;
    const viewer = here.open();
    await clock.advance(10_000);
    for (const version of ['first', 'second']) {
      void here.engine.pushShared('key', version);
      await clock.advance(200);
    }
    for (const version of ['first', 'second']) {
      void there.engine.pushShared('key', version);
      await clock.advance(1);
    }
    await clock.advance(10_000);
    expect(viewer.shown).toEqual([1, 2, 3]);
  });

  it('is written apart from what this process pushes alone', async () => {
    const { stages, clock, server } = twoStages();
    const [{ engine }] = stages;
    void engine.push(['key']);
    void engine.pushShared('key', 'change');
    await clock.advance(0);
    expect(server.get('key')).toMatchObject({ token: 'token1' });
    expect(server.get(sharedKey('key'))).toMatchObject({ token: 'change' });
  });

  it('is told to who diagnoses as one of the key itself', async () => {
    const { stages, clock } = twoStages();
    const told: unknown[] = [];
    const onPush = (message: unknown) => told.push(message);
    diagnosticsChannel.subscribe('sse-trigger:push', onPush);
    void stages[0].engine.pushShared('key', 'change');
    await clock.advance(0);
    diagnosticsChannel.unsubscribe('sse-trigger:push', onPush);
    expect(told).toMatchObject([{ keys: ['key'], stored: true }]);
  });

  it('is not what is written when the store takes it only later', async () => {
    const { stages, clock, server } = twoStages();
    server.state = 'refusing';
    void stages[0].engine.pushShared('key', 'change');
    await clock.advance(100);
    expect(stages[0].errors).toMatchObject([{ code: 'write_failed', key: 'key' }]);
    server.state = 'up';
    await clock.advance(5000);
    expect(server.get(sharedKey('key'))).not.toMatchObject({ token: 'change' });
    expect(stages[0].engine.stats().unsent).toBe(0);
  });

  it('hides no push of another process, although the slowest one writes it again after that', async () => {
    const { stages, clock, server } = twoStages();
    const [here, there] = stages;
    let state = 1;
    const viewer = there.open({ data: () => state, throttle: 0 });
    await clock.advance(10_000);
    state = 2;
    for (const { engine } of stages) void engine.pushShared('key', 'change');
    await clock.advance(100);
    // Nobody is woken, and the third process writes before anybody polls.
    server.subscribers.clear();
    state = 3;
    void here.engine.push(['key']);
    await clock.advance(1);
    server.set(sharedKey('key'), 'change');
    await clock.advance(2200);
    expect(viewer.shown).toEqual([1, 2, 3]);
  });
});

describe('a push of everything', () => {
  it.each([
    ['one', ({ engine }: Stage) => engine.push([EVERYTHING])],
    ['all', ({ engine }: Stage) => engine.pushShared(EVERYTHING, 'change')],
  ])('by %s makes all streams of all processes that share look once, spread over 5 s', async (_, push) => {
    const { stages, clock } = twoStages();
    const runs: number[] = [];
    for (const [index, stage] of stages.entries()) {
      for (let subject = 0; subject < 50; subject += 1) {
        stage.open({
          keys: [`key ${subject}`],
          subject: `${index} ${subject}`,
          data: () => runs.push(clock.now()),
        });
      }
    }
    await clock.advance(10_000);
    expect(runs).toHaveLength(100);
    const began = clock.now();
    void push(stages[0]);
    await clock.advance(60_000);
    const again = runs.slice(100).map((at) => at - began);
    expect(again).toHaveLength(100);
    expect(Math.max(...again)).toBeLessThan(2200 + 5000);
    expect(Math.max(...again) - Math.min(...again)).toBeGreaterThan(2500);
  });

  it('leaves no position that stands, of streams that nobody looks at either, and makes new ones that do', async () => {
    const { stages, clock } = twoStages();
    const [here, there] = stages;
    const viewer = here.open();
    await clock.advance(1000);
    viewer.leave();
    void here.engine.push([EVERYTHING]);
    await clock.advance(1000);
    const back = there.open({ lastEventId: viewer.ids[0] });
    await clock.advance(1000);
    expect(back.shown).toHaveLength(1);
    expect(back.ids).not.toEqual(viewer.ids);
    here.open({ lastEventId: back.ids[0] });
    await clock.advance(1000);
    expect(here.engine.stats().resumed).toBe(1);
  });

  it('changes nothing for a process that does not share', async () => {
    const alone = new Stage();
    const viewer = alone.open();
    await alone.clock.advance(1000);
    const sharing = new Stage({}, alone);
    sharing.engine.share();
    void sharing.engine.push([EVERYTHING]);
    await alone.clock.advance(60_000);
    expect(viewer.shown).toEqual([1]);
  });

  it('makes the streams of this process look even while the store does not answer', async () => {
    const { stages, clock, server } = twoStages();
    const [here, there] = stages;
    const viewers = [here.open(), there.open()];
    await clock.advance(1000);
    server.state = 'refusing';
    void here.engine.push([EVERYTHING]);
    await clock.advance(6000);
    expect(viewers.map(({ shown }) => shown.length)).toEqual([2, 1]);
    server.state = 'up';
    await clock.advance(15_000);
    expect(viewers.map(({ shown }) => shown.length)).toEqual([3, 2]);
  });

  it('makes streams look that were open before the process shared, although the store could not be read', async () => {
    const stage = new Stage();
    const viewer = stage.open();
    await stage.clock.advance(1000);
    stage.engine.share();
    stage.server.state = 'refusing';
    const version = stage.engine.everything();
    await stage.clock.advance(100);
    expect(await version).toBe(undefined);
    stage.server.state = 'up';
    const stored = stage.engine.push([EVERYTHING]);
    await stage.clock.advance(15_000);
    expect(await stored).toBe(true);
    expect(viewer.shown).toEqual([1, 2]);
  });

  it('is seen by who could read keys before, but not what was pushed last', async () => {
    const { stages, clock, ofEverything } = twoStagesOnTwoServers();
    const [here, there] = stages;
    void there.engine.push([EVERYTHING]);
    await clock.advance(0);
    ofEverything.state = 'refusing';
    const viewer = here.open();
    await clock.advance(1000);
    expect(viewer.shown).toEqual([1]);
    ofEverything.state = 'up';
    void there.engine.push([EVERYTHING]);
    await clock.advance(15_000);
    expect(viewer.shown).toEqual([1, 2]);
  });

  it('that the server may have lost makes all look whose keys other servers have', async () => {
    const { stages, clock, ofEverything } = twoStagesOnTwoServers();
    const [here, there] = stages;
    const viewer = here.open();
    await clock.advance(10_000);
    const away = there.open();
    await clock.advance(1000);
    away.leave();
    void there.engine.push([EVERYTHING]);
    await clock.advance(0);
    ofEverything.rollBack(500);
    await clock.advance(15_000);
    expect(viewer.shown).toEqual([1, 2]);
    const back = there.open({ lastEventId: away.ids.at(-1) });
    await clock.advance(10_000);
    expect(back.shown).toHaveLength(1);
  });

  it('that the store did not take is also for who came back during the outage, and gives no id that stands', async () => {
    const { stages, clock, server } = twoStages();
    const [here] = stages;
    const away = here.open();
    const watching = here.open();
    await clock.advance(1000);
    away.leave();
    server.state = 'refusing';
    await clock.advance(5000);
    const back = here.open({ lastEventId: away.ids[0] });
    await clock.advance(1000);
    void here.engine.push([EVERYTHING]);
    await clock.advance(6000);
    expect([watching.shown, back.shown]).toEqual([[1, 2], [2]]);
    expect(back.ids).toEqual([]);
    server.state = 'up';
    await clock.advance(15_000);
    expect([watching.shown, back.shown]).toEqual([
      [1, 2, 3],
      [2, 3],
    ]);
    expect(back.ids).toEqual([watching.ids.at(-1)]);
  });

  it('that the store did not take keeps nobody waiting who is just coming', async () => {
    const { stages, clock, server } = twoStages();
    const [here] = stages;
    server.state = 'silent';
    void here.engine.push([EVERYTHING]);
    await clock.advance(500);
    const viewer = here.open();
    await clock.advance(500);
    expect(viewer.shown).toEqual([1]);
  });

  it('is not known while the server does not answer that has it, and who comes back waits for that', async () => {
    const { stages, clock, ofEverything } = twoStagesOnTwoServers();
    const [here] = stages;
    const away = here.open();
    here.open();
    await clock.advance(1000);
    away.leave();
    ofEverything.state = 'refusing';
    await clock.advance(5000);
    const back = here.open({ lastEventId: away.ids[0] });
    await clock.advance(5000);
    expect(here.engine.stats()).toMatchObject({ runs: 1, resumed: 0 });
    ofEverything.state = 'up';
    await clock.advance(15_000);
    expect(here.engine.stats()).toMatchObject({ runs: 1, resumed: 1 });
    expect(back.shown).toEqual([]);
  });

  it('is nothing special to who does not share, but watches a key of that name', async () => {
    const stage = new Stage();
    stage.open({ keys: [EVERYTHING], data: () => 'everything' });
    const viewer = stage.open({ subject: 'another' });
    await stage.clock.advance(1000);
    for (let change = 1; change <= 3; change += 1) {
      stage.writeElsewhere(EVERYTHING);
      await stage.clock.advance(10_000);
    }
    expect(viewer.shown).toEqual([1]);
  });

  it('is no look by itself where nobody ever pushed it, or where the store has lost it', async () => {
    const { stages, clock, server } = twoStages();
    const viewer = stages[0].open();
    await clock.advance(60_000);
    expect(viewer.shown).toEqual([1]);
    server.flush();
    await clock.advance(60_000);
    expect(viewer.shown).toEqual([1, 2]);
  });

  it('does not keep the store busy while nobody looks', async () => {
    const { stages, clock } = twoStages();
    void stages[0].engine.push([EVERYTHING]);
    await clock.advance(60_000);
    expect(stages[0].engine.stats().checks).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

describe('the version of everything', () => {
  it.each([
    ['streams', (stage: Stage) => stage.open()],
    ['no streams', () => {}],
  ])(
    'is known with %s only when the store has just given it, and the process is not closing',
    async (_, open) => {
      const stage = new Stage();
      const { engine, clock, server } = stage;
      engine.share();
      open(stage);
      await clock.advance(1000);
      const read = async () => {
        const version = engine.everything();
        await clock.advance(2000);
        return version;
      };
      const version = await read();
      expect(version).toBeTypeOf('string');
      server.state = 'refusing';
      expect(await read()).toBe(undefined);
      server.state = 'up';
      await clock.advance(5000);
      expect(await read()).toBe(version);
      void engine.close();
      expect(await read()).toBe(undefined);
    },
  );

  it('is vouched for by nobody who closes, or keeps what the store did not take', async () => {
    const { engine, clock, server } = new Stage();
    expect(engine.tellsAll).toBe(true);
    server.state = 'refusing';
    void engine.push(['key']);
    await clock.advance(100);
    expect(engine.tellsAll).toBe(false);
    server.state = 'up';
    await clock.advance(5000);
    expect(engine.tellsAll).toBe(true);
    void engine.close();
    expect(engine.tellsAll).toBe(false);
  });
});
