import mongoose from 'mongoose';
import { openMongodbStub } from '../mongodb-stub.ts';

/** What MongoDB was told, in order. */
export const commands: string[] = [];
export const mongodb = await openMongodbStub((name) => void commands.push(name));

await mongoose.connect(mongodb.url, { autoCreate: false, autoIndex: false });

export const schema = new mongoose.Schema({ userId: Number, text: String });
export { mongoose };
