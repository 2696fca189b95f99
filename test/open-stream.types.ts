// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import { createServer } from 'node:http';
import * as http2 from 'node:http2';
import * as fetch from '../src/fetch.ts';
import * as node from '../src/node.ts';

interface User {
  readonly id: number;
}
declare const unread: (userId: number) => Promise<User[]>;
declare const userOf: (cookie: string | null | undefined) => number | undefined;
const trigger = new node.SseTrigger();

// --- What a user writes. ---

const notifications = node.streamOptions(trigger, {
  subject: (req) => userOf(req.headers.cookie),
  key: (userId) => `notifications:${userId}`,
  data: (userId, { signal }) => (signal.aborted ? [] : unread(userId)),
});
createServer((req, res) => node.openStream(trigger, req, res, notifications));
http2.createServer((req, res) => node.openStream(trigger, req, res, notifications));
http2.createSecureServer({ allowHTTP1: true }, (req, res) =>
  node.openStream(trigger, req, res, notifications),
);

// What a framework knows goes with the request.
const ofUser = node.streamOptions(trigger, {
  subject: (req: node.NodeRequest & { userId: number | undefined }) => req.userId,
  key: (userId) => `notifications:${userId}`,
  data: (userId) => unread(userId),
});
createServer(async (req, res) => {
  const opened: Promise<void> = node.openStream(trigger, Object.assign(req, { userId: 7 }), res, ofUser);
  await opened;
  // @ts-expect-error a request that does not have it
  await node.openStream(trigger, req, res, ofUser);
});

const forFetch = fetch.streamOptions(trigger, {
  subject: (request) => userOf(request.headers.get('cookie')),
  viewer: (request) => request.url,
  authorize: (userId, url) => url.endsWith(userId.toFixed()),
  feeds: [
    { eventName: 'mail', key: (userId) => `mail:${userId}`, data: (userId) => unread(userId) },
    { key: 'news', data: () => 'same for all' },
  ],
});
export const GET = (request: Request): Promise<Response> => fetch.streamResponse(trigger, request, forFetch);

// On the spot, too, where options are made once.
const prices: node.StreamOptions<string> = { key: 'prices', data: () => 1 };
createServer((req, res) => node.openStream(trigger, req, res, prices));

// --- The keys of a whole application. ---

const narrow = new node.SseTrigger<'ticker' | `notifications:${number}`>();
const ticker = node.streamOptions(narrow, {
  subject: (req) => req.url && Number(req.url),
  feeds: [
    { key: 'ticker', data: () => 1 },
    { key: (userId) => `notifications:${userId}` as const, data: (userId) => unread(userId) },
  ],
});
createServer((req, res) => node.openStream(narrow, req, res, ticker));
// @ts-expect-error no such key
node.streamOptions(narrow, { key: 'tickr', data: () => 1 });
// @ts-expect-error keys that the trigger does not know
createServer((req, res) => node.openStream(narrow, req, res, notifications));

// --- What must not compile. ---

// @ts-expect-error no key
node.streamOptions(trigger, { data: () => 1 });
// @ts-expect-error data that takes the request
node.streamOptions(trigger, { key: 'a', data: (req: node.NodeRequest) => req.url ?? '' });
// @ts-expect-error data of another subject
node.streamOptions(trigger, { subject: () => 7, key: () => 'a', data: (name: string) => name });
// @ts-expect-error a misspelt option
node.streamOptions(trigger, { key: 'a', data: () => 1, heartbeats: 5 });
// @ts-expect-error authorize without a subject
fetch.streamOptions(trigger, { authorize: () => true, key: 'a', data: () => 1 });
fetch.streamOptions(trigger, {
  // @ts-expect-error another server's request
  subject: (req: node.NodeRequest) => req.url,
  key: (url) => url,
  data: () => 1,
});
// @ts-expect-error a forgotten return
fetch.streamOptions(trigger, { key: 'a', data: () => {} });
createServer(async (req, res) => {
  // @ts-expect-error options of a fetch server
  await node.openStream(trigger, req, res, forFetch);
  // @ts-expect-error a trigger that is none
  await node.openStream({}, req, res, prices);
});
// @ts-expect-error a request of node:http
export const wrong = (req: node.NodeRequest) => fetch.streamResponse(trigger, req, prices);
