import mongoose from 'mongoose';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SseTrigger } from '../../src/index.ts';
import { RecordingStore } from '../support/recording-store.ts';
import { type MongodbStub, openMongodbStub } from './mongodb-stub.ts';

// The recipe of docs/orm.md, which has no adapter: when it pushes, with the real Mongoose.

let mongodb: MongodbStub;
let connection: mongoose.Connection;
let trigger: SseTrigger;
/** Commands and pushes, in order. */
let steps: string[];
let Notification: ReturnType<typeof define>;

beforeEach(async () => {
  steps = [];
  mongodb = await openMongodbStub((name) => void steps.push(name));
  const store = new RecordingStore();
  trigger = new SseTrigger({ store });
  const write = store.write.bind(store);
  vi.spyOn(store, 'write').mockImplementation((versions) => {
    steps.push(...versions.keys());
    return write(versions);
  });
  connection = await mongoose
    .createConnection(mongodb.url, { autoCreate: false, autoIndex: false })
    .asPromise();
  Notification = define();
});

afterEach(async () => {
  await connection.close();
  await trigger.close();
  await mongodb[Symbol.asyncDispose]();
});

function define() {
  const schema = new mongoose.Schema({ userId: Number, text: String });
  schema.post('save', (n) => void trigger.push(`notifications:${n.userId}`));
  return connection.model('Notification', schema);
}

const transaction = (work: (session: mongoose.ClientSession) => Promise<unknown>) =>
  trigger.pushAfter(() => connection.transaction(async (session) => void (await work(session))));

it('pushes after a save without a transaction', async () => {
  await Notification.create({ userId: 1, text: 'a' });
  await vi.waitFor(() => expect(steps).toEqual(['insert', 'notifications:1']));
});

it('pushes what a transaction saved once, after its commit', async () => {
  await transaction(async (session) => {
    await Notification.create([{ userId: 1, text: 'a' }], { session });
    await new Notification({ userId: 1, text: 'b' }).save({ session });
  });
  await vi.waitFor(() => expect(steps).toEqual(['insert', 'insert', 'commitTransaction', 'notifications:1']));
});

it('pushes after a transaction that failed, too, since it may have happened', async () => {
  const undone = transaction(async (session) => {
    await Notification.create([{ userId: 1, text: 'a' }], { session });
    throw new Error('undo');
  });
  await expect(undone).rejects.toThrow('undo');
  await vi.waitFor(() => expect(steps).toEqual(['insert', 'abortTransaction', 'notifications:1']));
});
