import { describe, expect, it } from 'vitest';
import { type Application, Stage, type Visitor } from './support/stage.ts';

/** An application whose answers the test gives, one by one. */
function manual() {
  const asks: { answer(value: boolean | number): void; fail(error: unknown): void }[] = [];
  const authorize = () =>
    new Promise<boolean | number>((resolve, reject) => asks.push({ answer: resolve, fail: reject }));
  return { asks, authorize };
}

/** An application that says what stands in its database at that moment. */
function fromDatabase(stage: Stage, takes = 0) {
  const database = { allowed: true as boolean | number, asks: 0, isAway: false };
  const authorize = async () => {
    database.asks += 1;
    const { allowed } = database;
    if (takes > 0) await new Promise<void>((resolve) => stage.clock.after(takes, resolve));
    if (database.isAway) throw new Error('a secret of the database');
    return allowed;
  };
  return { database, authorize };
}

const roles = { authorizeKeys: ['roles'] };

/** Whatever is in the place of a stream that was not to be opened. */
const refused = { verdict: { is: 'refused' }, viewer: undefined };

function everybody(stage: Stage, count: number, application: Application): Visitor[] {
  return Array.from({ length: count }, () => stage.apply(application));
}

describe('a stream that needs a permission', () => {
  it('opens when the answer is yes, and runs nothing before', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const visitor = stage.apply({ ...roles, authorize });
    await stage.clock.advance(5000);
    expect(visitor.viewer).toBeUndefined();
    expect(stage.runs).toBe(0);
    asks[0]!.answer(true);
    await stage.clock.advance(20);
    expect(visitor.verdict).toEqual({ is: 'permitted' });
    expect(visitor.viewer?.shown).toEqual([1]);
  });

  it('leaves nothing behind that would ask again', async () => {
    const stage = new Stage();
    const { viewer } = await opened(stage, () => true);
    viewer.leave();
    await stage.clock.advance(100);
    expect(stage.clock.pending).toBe(0);
  });

  it('does not open when it is no, and leaves nothing behind', async () => {
    const stage = new Stage();
    const visitor = stage.apply({ ...roles, authorize: () => false });
    await stage.clock.advance(10);
    expect(visitor).toMatchObject(refused);
    expect(stage.engine.stats()).toMatchObject({ streams: 0, keys: 0, runs: 0, asks: 1 });
    expect(stage.clock.pending).toBe(0);
  });

  it('is asked for once by 50 who come together, and once more after a change', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const visitors = everybody(stage, 50, { ...roles, authorize });
    await stage.clock.advance(20);
    expect(visitors.every(({ viewer }) => viewer?.shown.length === 1)).toBe(true);
    expect(database.asks).toBe(1);
    await stage.clock.advance(100);
    await stage.push('roles');
    await stage.push('key');
    expect(database.asks).toBe(2);
    expect(visitors.every(({ viewer }) => viewer?.shown.length === 2)).toBe(true);
  });

  it('is asked for by each viewer, and for each subject', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    for (const subject of ['one', 'two']) {
      for (const who of ['alice', 'bob', ['bob'], undefined]) stage.apply({ authorize, subject, who });
    }
    await stage.clock.advance(20);
    expect(database.asks).toBe(8);
  });

  it('takes the answer that is known already when its keys say that it stands', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    stage.apply({ ...roles, authorize });
    await stage.clock.advance(30_000);
    const late = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(late.viewer?.shown).toEqual([1]);
    expect(database.asks).toBe(1);
  });

  it('is refused to who comes after a change that this process has not seen yet', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const first = stage.apply({ ...roles, authorize });
    await stage.clock.advance(200);
    database.allowed = false;
    stage.writeElsewhere('roles');
    const late = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(late).toMatchObject(refused);
    expect(first.viewer?.ended).toBe('ended');
  });

  it('is asked for anew by everyone who comes where no key tells of changes', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const first = stage.apply({ authorize });
    await stage.clock.advance(20);
    database.allowed = false;
    const late = stage.apply({ authorize });
    await stage.clock.advance(20);
    expect(late).toMatchObject(refused);
    expect(first.viewer?.ended).toBe('ended');
  });

  it('is asked for once more for all who come while it is asked for where no key tells of changes', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const first = stage.apply({ authorize });
    await stage.clock.advance(20);
    const late = everybody(stage, 20, { authorize });
    asks[0]!.answer(true);
    await stage.clock.advance(20);
    expect(first.viewer?.shown).toEqual([1]);
    expect(late.every(({ verdict }) => verdict === undefined)).toBe(true);
    asks[1]!.answer(false);
    await stage.clock.advance(20);
    for (const visitor of late) expect(visitor).toMatchObject(refused);
    expect(first.viewer?.ended).toBe('ended');
    expect(asks).toHaveLength(2);
  });

  it('is opened only when there is room at the gate for asking', async () => {
    const stage = new Stage({ maxRuns: 1 });
    stage.open({ subject: 'slow', data: () => new Promise(() => {}), dataTimeout: 3000 });
    await stage.clock.advance(10);
    const visitor = stage.apply({ ...roles, authorize: () => true });
    await stage.clock.advance(2900);
    expect(visitor.verdict).toBeUndefined();
    await stage.clock.advance(200);
    expect(visitor.verdict).toEqual({ is: 'permitted' });
  });

  it.each([
    ['since its key was pushed', roles.authorizeKeys, (stage: Stage) => stage.push('roles')],
    ['as it is asked for ever again', [], (stage: Stage) => stage.clock.advance(100)],
  ])(
    'is asked for again when it was refused between the answer and the first byte, %s',
    async (_, keys, pass) => {
      const stage = new Stage();
      const { database, authorize } = fromDatabase(stage);
      const visitor = stage.apply({ authorizeKeys: keys, authorize });
      const other = applying(stage, authorize, keys);
      await stage.clock.advance(20);
      expect(await other.verdict).toEqual({ is: 'permitted' });
      database.allowed = false;
      while (visitor.viewer?.ended === undefined) await pass(stage);
      const viewer = stage.open({ applicant: other });
      other.leave();
      await stage.clock.advance(20);
      expect(viewer.ended).toBe('ended');
      expect(viewer.shown).toEqual([]);
      expect(stage.clock.pending).toBe(0);
    },
  );
});

describe('a change of the permission', () => {
  it('holds back what a run gives meanwhile, until the answer is yes; heartbeats go on', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const { viewer } = await opened(stage, authorize, asks, { heartbeat: 2000 });
    await stage.push('roles');
    await stage.push('key');
    await stage.push('key');
    await stage.clock.advance(9000);
    expect(stage.runs).toBeGreaterThan(1);
    expect(viewer.shown).toEqual([1]);
    expect(viewer.heartbeats.length).toBeGreaterThan(0);
    asks[1]!.answer(true);
    await stage.clock.advance(0);
    expect(viewer.shown).toEqual([1, stage.runs]);
  });

  it('ends the stream with a retry when the answer is no, and sends no result of a run under way (P4)', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    let answer = (_: unknown) => {};
    const data = () => {
      stage.runs += 1;
      return stage.runs === 1 ? 'first' : new Promise((resolve) => (answer = resolve));
    };
    const { viewer } = await opened(stage, authorize, asks, { data, throttle: 0 });
    await stage.push('key', 'roles');
    expect(stage.runs).toBe(2);
    asks[1]!.answer(false);
    await stage.clock.advance(0);
    answer('secret');
    await stage.clock.advance(1000);
    expect(viewer.texts).toEqual(['first']);
    expect(viewer.text).toMatch(/retry: \d+\n\n$/);
    expect(viewer.ended).toBe('ended');
    expect(stage.engine.stats()).toMatchObject({ streams: 0, keys: 0 });
    expect(stage.clock.pending).toBe(0);
  });

  it('is asked about before data of the same change is read', async () => {
    const stage = new Stage();
    const order: string[] = [];
    const { viewer } = await opened(
      stage,
      async () => {
        order.push('authorize');
        return true;
      },
      [],
      { data: () => [order.push('data'), stage.clock.now()], throttle: 0 },
    );
    order.length = 0;
    // The feed has been watching for longer than any other of its key.
    stage.server.set('key', 'both');
    stage.server.set('roles', 'both');
    await stage.clock.advance(2200);
    expect(order).toEqual(['authorize', 'data']);
    expect(viewer.shown).toHaveLength(2);
  });

  it('of another process is noticed by the poll', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const { viewer } = await opened(stage, authorize);
    database.allowed = false;
    stage.writeElsewhere('roles');
    await stage.clock.advance(2200);
    expect(viewer.ended).toBe('ended');
  });

  it.each([true, false])('during a call makes its answer %s void', async (old) => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const { viewer } = await opened(stage, authorize, asks);
    await stage.push('roles');
    await stage.push('roles', 'key');
    asks[1]!.answer(old);
    await stage.clock.advance(100);
    expect(asks).toHaveLength(3);
    expect(viewer.shown).toEqual([1]);
    expect(viewer.ended).toBeUndefined();
    asks[2]!.answer(!old);
    await stage.clock.advance(100);
    expect([viewer.shown.length, viewer.ended]).toEqual(old ? [1, 'ended'] : [2, undefined]);
  });

  it('while somebody waits for the first answer makes that void, too', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const visitor = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    await stage.push('roles');
    asks[0]!.answer(true);
    await stage.clock.advance(0);
    expect(visitor.verdict).toBeUndefined();
    asks[1]!.answer(false);
    await stage.clock.advance(0);
    expect(visitor).toMatchObject(refused);
  });

  it('cuts off who has not taken yet what it was sent before a no', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const { viewer } = await opened(stage, authorize);
    viewer.isStuck = true;
    await stage.clock.advance(100);
    await stage.push('key');
    database.allowed = false;
    await stage.push('roles');
    expect(viewer.ended).toBe('destroyed');
  });

  it('that may have been lost with its data set is asked about within 5 s, and nothing is sent before', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const visitors = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        opened(stage, authorize, [], { subject: index, keys: [`key${index}`] }),
      ),
    );
    const before = database.asks;
    database.allowed = false;
    stage.server.restartEmpty();
    await stage.clock.advance(2200);
    expect(database.asks - before).toBeLessThan(20);
    await stage.clock.advance(5100);
    expect(database.asks - before).toBe(20);
    for (const { viewer } of visitors) {
      expect(viewer.ended).toBe('ended');
      // What all got before; the data set is lost for what they show as well.
      expect(viewer.shown).toHaveLength(1);
    }
  });
});

describe('asking', () => {
  it('comes again at least every `authorizeEvery`, and a no ends the stream', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const { viewer } = await opened(stage, authorize, [], { authorizeEvery: 10_000, authorizeKeys: [] });
    await stage.clock.advance(100_000);
    expect(database.asks).toBeGreaterThanOrEqual(11);
    expect(database.asks).toBeLessThanOrEqual(13);
    database.allowed = false;
    await stage.clock.advance(10_000);
    expect(viewer.ended).toBe('ended');
  });

  it('again is not put off when the data set is lost meanwhile', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const visit = { authorizeEvery: 3000, keys: ['other'] };
    const streams = await Promise.all(
      Array.from({ length: 20 }, (_, subject) => opened(stage, authorize, [], { ...visit, subject })),
    );
    database.allowed = false;
    await stage.clock.advance(1000);
    stage.server.restartEmpty();
    await stage.clock.advance(2000);
    expect(streams.every(({ viewer }) => viewer.ended === 'ended')).toBe(true);
  });

  it('again leaves the last yes standing for `authorizeEvery`, and not longer', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const { viewer } = await opened(stage, authorize, asks, { authorizeEvery: 10_000, authorizeKeys: [] });
    await stage.clock.advance(9900);
    expect(asks).toHaveLength(2);
    await stage.push('key');
    expect(viewer.shown).toEqual([1, 2]);
    await stage.clock.advance(200);
    await stage.push('key');
    expect(viewer.shown).toEqual([1, 2]);
    asks[1]!.answer(true);
    await stage.clock.advance(0);
    expect(viewer.shown).toEqual([1, 2, 3]);
  });

  it('that fails at first opens the stream, which is sent nothing but heartbeats until there is an answer', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    database.isAway = true;
    const visitor = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(visitor.verdict).toEqual({ is: 'unanswered' });
    await stage.clock.advance(60_000);
    expect(visitor.viewer?.text.replaceAll(':\n\n', '')).toMatch(/^: open\nretry: \d+\n\n$/);
    expect(visitor.viewer?.heartbeats.length).toBeGreaterThan(2);
    const told = stage.errors.map(({ code, route, message }) => `${code} ${route} ${message}`);
    expect(new Set(told)).toEqual(
      new Set(['authorize_failed /stream authorize failed; nothing is sent until it answers']),
    );
    expect(stage.errors[0]?.cause).toMatchObject({ message: 'a secret of the database' });
    // 1 + 2 + 4 + 8 + 16 + 30 s, and half of them by chance.
    expect(database.asks).toBeGreaterThanOrEqual(6);
    expect(database.asks).toBeLessThanOrEqual(9);
    expect(stage.engine.stats()).toMatchObject({ asks: database.asks, askFailures: database.asks });

    const late = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(late.verdict).toEqual({ is: 'unanswered' });
    database.isAway = false;
    await stage.clock.advance(30_000);
    expect([visitor.viewer?.shown, late.viewer?.shown]).toEqual([[1], [1]]);
  });

  it('that fails at first and then is answered no ends the stream', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    database.isAway = true;
    const visitor = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    database.isAway = false;
    database.allowed = false;
    await stage.clock.advance(2000);
    expect(visitor.viewer?.ended).toBe('ended');
    expect(visitor.viewer?.shown).toEqual([]);
  });

  it('that fails later, by itself, holds everything back although the last yes would still stand (P5)', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const { viewer } = await opened(stage, authorize);
    database.isAway = true;
    while (database.asks === 1) await stage.clock.advance(100);
    await stage.push('key');
    await stage.clock.advance(500);
    expect(viewer.shown).toEqual([1]);
  });

  it('that was answered after it had failed is asked anew by everyone who comes where no key tells of changes', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    database.isAway = true;
    const first = stage.apply({ authorize });
    await stage.clock.advance(20);
    database.isAway = false;
    while (first.viewer?.shown.length !== 1) await stage.clock.advance(100);
    const second = stage.apply({ authorize });
    await stage.clock.advance(20);
    expect(second.verdict).toEqual({ is: 'permitted' });
  });

  it('that fails later holds everything back, and is tried again at once after a push (P5)', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const { viewer } = await opened(stage, authorize);
    database.isAway = true;
    await stage.push('roles');
    await stage.push('key');
    await stage.clock.advance(60_000);
    expect(viewer.shown).toEqual([1]);
    database.isAway = false;
    await stage.push('roles');
    expect(viewer.shown).toEqual([1, 2]);
  });

  it('that is never answered is given up after dataTimeout, frees its place, and its late answer is dropped (P5)', async () => {
    const stage = new Stage({ maxRuns: 1 });
    const { asks, authorize } = manual();
    const visitor = stage.apply({ ...roles, authorize, dataTimeout: 3000 });
    const other = stage.open({ subject: 'other' });
    await stage.clock.advance(2900);
    expect([visitor.verdict, other.shown]).toEqual([undefined, []]);
    await stage.clock.advance(200);
    expect(visitor.verdict).toEqual({ is: 'unanswered' });
    expect(other.shown).toEqual([1]);
    expect(stage.errors.map(({ code }) => code)).toEqual(['authorize_timeout']);
    expect(stage.engine.stats()).toMatchObject({ asks: 1, askFailures: 1 });
    asks[0]!.answer(true);
    await stage.clock.advance(300);
    expect(visitor.viewer?.shown).toEqual([]);
    await stage.clock.advance(1000);
    asks[1]!.answer(true);
    await stage.clock.advance(3000);
    expect(visitor.viewer?.shown).toEqual([1 + 1]);
  });

  it('that never comes to its turn lets the stream open after dataTimeout, and wait for the answer', async () => {
    const stage = new Stage({ maxRuns: 1 });
    const { asks, authorize: authorizeFirst } = manual();
    stage.apply({ ...roles, authorize: authorizeFirst, who: 'bob', dataTimeout: 60_000 });
    const { database, authorize } = fromDatabase(stage);
    const visitor = stage.apply({ ...roles, authorize, dataTimeout: 3000 });
    await stage.clock.advance(2900);
    expect(visitor.verdict).toBeUndefined();
    await stage.clock.advance(200);
    expect(visitor.verdict).toEqual({ is: 'unanswered' });
    expect(visitor.viewer?.shown).toEqual([]);
    expect(database.asks).toBe(0);
    asks[0]!.answer(false);
    await stage.clock.advance(100);
    expect(visitor.viewer?.shown).toEqual([1]);
  });

  it.each([
    [true, [1], undefined],
    [false, [], 'ended'],
  ])(
    'that never comes to its turn is waited for although an older yes stands: %s',
    async (answer, shown, ended) => {
      const stage = new Stage({ maxRuns: 1 });
      const { database, authorize } = fromDatabase(stage);
      const first = stage.apply({ authorize, dataTimeout: 3000 });
      await stage.clock.advance(20);
      const { asks, authorize: authorizeOther } = manual();
      stage.apply({ authorize: authorizeOther, who: 'bob', dataTimeout: 60_000 });
      await stage.clock.advance(20);
      const late = stage.apply({ authorize, dataTimeout: 3000 });
      database.allowed = answer;
      await stage.clock.advance(4000);
      expect(late.verdict).toEqual({ is: 'unanswered' });
      expect([first.viewer?.shown, late.viewer?.shown]).toEqual([[1], []]);
      asks[0]!.answer(false);
      await stage.clock.advance(100);
      expect([late.viewer?.shown, late.viewer?.ended]).toEqual([shown, ended]);
      expect(first.viewer?.ended).toBe(ended);
      expect(database.asks).toBe(2);
    },
  );

  it('that fails is told of although its key was pushed meanwhile, and is asked again at once', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const visitor = stage.apply({ ...roles, authorize, dataTimeout: 3000 });
    await stage.clock.advance(1000);
    await stage.push('roles');
    await stage.clock.advance(2100);
    expect(stage.errors.map(({ code }) => code)).toEqual(['authorize_timeout']);
    expect(visitor.verdict).toEqual({ is: 'unanswered' });
    expect(asks).toHaveLength(2);
    asks[1]!.answer(true);
    await stage.clock.advance(100);
    expect(visitor.viewer?.shown).toEqual([1]);
  });

  it('that fails for one is not begun again at once for those who came meanwhile', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const first = stage.apply({ authorize });
    await stage.clock.advance(20);
    const second = stage.apply({ authorize });
    await stage.clock.advance(20);
    asks[0]!.fail(new Error('away'));
    await stage.clock.advance(100);
    expect([first.verdict, second.verdict]).toEqual([{ is: 'unanswered' }, { is: 'unanswered' }]);
    expect(asks).toHaveLength(1);
  });

  it('is never back to back, however long an answer takes', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage, 5000);
    await opened(stage, authorize, [], { authorizeEvery: 2000 });
    const before = database.asks;
    await stage.clock.advance(60_000);
    expect(database.asks - before).toBeLessThanOrEqual(10);
  });

  it('holds back no more frames than are newest, which is no slow client', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const { viewer } = await opened(stage, authorize, asks);
    await stage.push('roles');
    for (let push = 0; push < 5; push += 1) {
      await stage.push('key');
      await stage.clock.advance(200);
    }
    expect(viewer.shown).toHaveLength(1);
    asks.at(-1)!.answer(true);
    await stage.clock.advance(100);
    expect(viewer.shown).toEqual([1, stage.runs]);
    expect(stage.engine.stats().conflated).toBe(0);
  });

  it('that throws an error with a status from 400 to 499 is answered so, also later', async () => {
    const stage = new Stage();
    const gone = Object.assign(new Error('no such order'), { status: 404 });
    let exists = true;
    const authorize = () => {
      if (!exists) throw gone;
      return true;
    };
    const { viewer } = await opened(stage, authorize);
    exists = false;
    await stage.push('roles');
    expect(viewer.ended).toBe('ended');
    const late = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(late).toMatchObject({ verdict: { is: 'refused', answer: gone }, viewer: undefined });
    expect(stage.errors).toEqual([]);
    expect(stage.engine.stats().askFailures).toBe(0);
  });

  it('comes to nothing when all who wait have left', async () => {
    const stage = new Stage({ maxRuns: 1 });
    const { asks, authorize } = manual();
    const [one, two] = [stage.apply({ ...roles, authorize }), stage.apply({ ...roles, authorize })];
    await stage.clock.advance(20);
    one.leave();
    const other = stage.open({ subject: 'other', keys: ['other'] });
    await stage.clock.advance(20);
    expect(other.shown).toEqual([]);
    two.leave();
    await stage.clock.advance(20);
    // It cannot be called off, so it keeps its place.
    expect(other.shown).toEqual([]);
    expect(stage.engine.stats().keys).toBe(1);
    asks[0]!.answer(true);
    await stage.clock.advance(20);
    expect(other.shown).toEqual([1]);
    other.leave();
    await stage.clock.advance(0);
    expect(stage.clock.pending).toBe(0);
    expect(stage.errors).toEqual([]);
  });

  it('does not begin for who leaves before it is their turn', async () => {
    const stage = new Stage({ maxRuns: 1 });
    const { asks, authorize: authorizeFirst } = manual();
    const first = stage.apply({ ...roles, authorize: authorizeFirst, who: 'bob' });
    const { database, authorize } = fromDatabase(stage);
    const second = stage.apply({ ...roles, authorize });
    await stage.clock.advance(1000);
    second.leave();
    first.leave();
    asks[0]!.answer(true);
    await stage.clock.advance(1000);
    expect(database.asks).toBe(0);
    expect(stage.clock.pending).toBe(0);
  });
});

describe('a permission that expires', () => {
  it('ends the stream at that moment, and does not ask before', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    database.allowed = 5000;
    const { viewer, at } = await opened(stage, authorize);
    await stage.clock.advance(at + 4999 - stage.clock.now());
    expect(viewer.ended).toBeUndefined();
    await stage.clock.advance(1);
    expect(viewer.ended).toBe('ended');
    expect(database.asks).toBe(1);
    expect(stage.clock.pending).toBe(0);
  });

  it('does so while it is asked about', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const { viewer, at } = await opened(stage, authorize, asks, {}, 5000);
    await stage.push('roles');
    await stage.clock.advance(at + 5000 - stage.clock.now());
    expect(viewer.ended).toBe('ended');
    asks[1]!.answer(true);
    await stage.clock.advance(0);
    expect(stage.clock.pending).toBe(0);
  });

  it('ends no stream that it did not let in', async () => {
    const stage = new Stage();
    const { asks, authorize } = manual();
    const one = stage.apply({ authorize });
    asks[0]!.answer(70_000);
    while (asks.length === 1) await stage.clock.advance(100);
    const other = stage.apply({ authorize });
    asks[1]!.answer(false);
    await stage.clock.advance(20);
    asks[2]!.fail(new Error('the database is away'));
    await stage.clock.advance(20);
    expect([one.viewer?.ended, other.verdict]).toEqual(['ended', { is: 'unanswered' }]);
    await stage.clock.advance(71_000 - stage.clock.now());
    expect(other.viewer?.ended).toBeUndefined();
  });

  it('does so while nobody can say whether it still stands', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    database.allowed = 70_000;
    const { viewer, at } = await opened(stage, authorize);
    database.isAway = true;
    await stage.clock.advance(at + 70_000 - stage.clock.now());
    expect(database.asks).toBeGreaterThan(1);
    expect(viewer.ended).toBe('ended');
  });

  it('stands longer when a later answer says so', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    database.allowed = 5000;
    const { viewer } = await opened(stage, authorize);
    database.allowed = 20_000;
    await stage.push('roles');
    await stage.clock.advance(19_000);
    expect(viewer.ended).toBeUndefined();
    await stage.clock.advance(2000);
    expect(viewer.ended).toBe('ended');
  });

  it('in some years is no trouble to the timers', async () => {
    const stage = new Stage();
    const { viewer } = await opened(stage, async () => 1e12, [], { lifetime: 2 ** 31 - 1 });
    await stage.clock.advance(100_000);
    expect(viewer.ended).toBeUndefined();
  });

  it('that has passed is a no', async () => {
    const stage = new Stage();
    const visitor = stage.apply({ authorize: () => -1 });
    await stage.clock.advance(20);
    expect(visitor).toMatchObject(refused);
  });
});

describe('a no that may not be true any more', () => {
  it('since its data set was lost is asked about anew by who comes', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const other = applying(stage, authorize, roles.authorizeKeys);
    await stage.clock.advance(20);
    database.allowed = false;
    await stage.push('roles');
    database.allowed = true;
    stage.server.restartEmpty();
    const late = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(late.verdict).toEqual({ is: 'permitted' });
    other.leave();
  });
});

describe('while the store is down', () => {
  it('a permission stands, who comes is asked for anew, and all are when it is back', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const { viewer } = await opened(stage, authorize);
    stage.server.state = 'refusing';
    await stage.clock.advance(10_000);
    expect(database.asks).toBe(1);
    const late = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(late.viewer?.shown).toEqual([1]);
    expect(database.asks).toBe(2);
    await stage.push('key');
    expect(viewer.shown).toEqual([1, 2]);

    database.allowed = false;
    const later = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(later).toMatchObject(refused);
    expect(viewer.ended).toBe('ended');
  });

  it.each([true, false])(
    'who is let in before its keys could be read waits for an answer of its own: %s',
    async (yes) => {
      const stage = new Stage();
      const { asks, authorize } = manual();
      const short = { ...roles, authorize, dataTimeout: 500 };
      const { viewer } = await opened(stage, authorize, asks, short);
      stage.server.state = 'silent';
      const late = stage.apply(short);
      await stage.clock.advance(600);
      expect(late.verdict).toEqual({ is: 'unanswered' });
      expect([viewer.shown, late.viewer?.shown]).toEqual([[1], []]);
      asks[1]!.answer(yes);
      await stage.clock.advance(2000);
      expect([late.viewer?.shown, late.viewer?.ended]).toEqual(yes ? [[1], undefined] : [[], 'ended']);
    },
  );

  it('a push of its key in this process has it asked about at once', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    const { viewer } = await opened(stage, authorize);
    stage.server.state = 'refusing';
    await stage.clock.advance(10_000);
    database.allowed = false;
    void stage.push('roles');
    await stage.clock.advance(0);
    expect(viewer.ended).toBe('ended');
  });

  it('a first answer is given without it, and asked for again when the key is known', async () => {
    const stage = new Stage();
    const { database, authorize } = fromDatabase(stage);
    stage.server.state = 'refusing';
    const visitor = stage.apply({ ...roles, authorize });
    await stage.clock.advance(20);
    expect(visitor.viewer?.shown).toEqual([1]);
    database.allowed = false;
    stage.server.state = 'up';
    await stage.clock.advance(2200);
    expect(visitor.viewer?.ended).toBe('ended');
  });
});

/** Somebody whose stream is not open yet when the answer is there. */
function applying(stage: Stage, authorize: Application['authorize'], keys: readonly string[]) {
  const rule = {
    ask: async () => ((await authorize()) ? 1e9 : 0),
    authorizeEvery: 60_000,
    dataTimeout: 1000,
  };
  const subject = { text: '"somebody"', value: 'somebody' };
  return stage.engine.apply(
    1,
    { rule, keys, subject, viewer: { text: '"alice"', value: 'alice' } },
    '/stream',
  );
}

/** A stream whose first answer was yes, and the moment of that. */
async function opened(
  stage: Stage,
  authorize: Application['authorize'],
  asks: ReturnType<typeof manual>['asks'] = [],
  visit: Partial<Application> = {},
  answer: boolean | number = true,
) {
  const visitor = stage.apply({ ...roles, authorize, ...visit });
  await stage.clock.advance(1);
  const at = asks[0] === undefined ? 0 : stage.clock.now();
  asks[0]?.answer(answer);
  await stage.clock.advance(20);
  return { viewer: visitor.viewer!, at };
}
