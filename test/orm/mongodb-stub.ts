import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import mongoose from 'mongoose';

/**
 * What a driver takes for a MongoDB, which cannot be installed from npm: it takes every command and keeps nothing. What it
 * cannot show is what a reader sees, but when each command came it can.
 */
export interface MongodbStub extends AsyncDisposable {
  readonly url: string;
}

const { BSON } = mongoose.mongo;
type Document = Readonly<Record<string, unknown>>;

/** The kinds of messages: the one of today, and what a connection begins with. */
const OP_MSG = 2013;
const OP_QUERY = 2004;
const OP_REPLY = 1;

/** @param onCommand gets the name of each, before it is answered. */
export async function openMongodbStub(onCommand: (name: string) => void): Promise<MongodbStub> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let unread = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= 4 && unread.length >= unread.readInt32LE(0)) {
        const message = unread.subarray(0, unread.readInt32LE(0));
        unread = unread.subarray(message.length);
        socket.write(answerTo(message));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  /** Only a member of a replica set has transactions. */
  const hello = {
    ok: 1,
    isWritablePrimary: true,
    setName: 'stub',
    hosts: [host],
    me: host,
    primary: host,
    logicalSessionTimeoutMinutes: 30,
    minWireVersion: 0,
    maxWireVersion: 21,
  };

  function answerTo(message: Buffer): Buffer {
    const id = message.readInt32LE(4);
    if (message.readInt32LE(12) === OP_QUERY) return framed(id, OP_REPLY, oneDocument(), hello);
    const [name = ''] = Object.keys(commandIn(message));
    if (/^(hello|ismaster)$/i.test(name)) return framed(id, OP_MSG, Buffer.alloc(5), hello);
    onCommand(name);
    return framed(id, OP_MSG, Buffer.alloc(5), { ok: 1, n: 1 });
  }

  return {
    url: `mongodb://${host}/test?replicaSet=stub`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Of the parts of a message the one that is no list of documents. */
function commandIn(message: Buffer): Document {
  for (let at = 20; at < message.length; at += 1 + message.readInt32LE(at + 1)) {
    const end = at + 1 + message.readInt32LE(at + 1);
    if (message[at] === 0) return BSON.deserialize(message.subarray(at + 1, end));
  }
  return {};
}

/** The head of an old reply ends with how many there are. */
function oneDocument(): Buffer {
  const head = Buffer.alloc(20);
  head.writeInt32LE(1, 16);
  return head;
}

function framed(id: number, kind: number, head: Buffer, document: Document): Buffer {
  const body = Buffer.concat([head, BSON.serialize(document)]);
  const frame = Buffer.alloc(16);
  [frame.length + body.length, 0, id, kind].forEach((value, i) => void frame.writeInt32LE(value, 4 * i));
  return Buffer.concat([frame, body]);
}
