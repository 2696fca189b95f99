// What must compile and what must not, for `tsc -p test`. Nothing here is run.
import { createServer, type IncomingMessage } from 'node:http';
import express, { type Request } from 'express';
import {
  eventStream,
  type Sendable,
  SseTrigger,
  type SseTriggerError,
  type Store,
  type StreamOptions,
  streamSse,
  Unanswered,
} from '../src/index.ts';

interface User {
  readonly id: number;
  readonly name: string;
}
interface SignedIn extends Request {
  userId?: number;
  sessionName?: string;
}
declare const unread: (userId: number) => Promise<User[]>;
declare const rows: Map<string, Date>;
const trigger = new SseTrigger();
const app = express();

// --- What a user writes. ---

app.get(
  '/notifications',
  streamSse(trigger, {
    subject: (req: SignedIn) => req.userId,
    key: (userId) => `notifications:${userId}`,
    data: (userId) => unread(userId),
    eventName: 'new_notification',
  }),
);

app.get(
  '/orders/:id',
  streamSse(trigger, {
    subject: (req: Request<{ id: string }>) => req.params.id,
    key: (orderId) => [`order:${orderId}`, `shipment:${orderId}`],
    data: async (orderId, { signal }) => ({ id: orderId.toUpperCase(), stopped: signal.aborted }),
  }),
);

app.get('/ticker', streamSse(trigger, { key: 'ticker', data: () => 'price' }));
app.get('/tickers', streamSse(trigger, { key: ['a', 'b'], data: async () => [1, null], allowOrigins: '*' }));

app.get(
  '/exports/:id',
  eventStream(trigger, async function* (req: Request<{ id: string }>, { signal, lastEventId }) {
    yield { id: req.params.id, event: lastEventId?.toUpperCase(), data: { stopped: signal.aborted } };
    yield { comment: 'nothing yet' };
  }),
);
eventStream(
  new SseTrigger<'ticker'>(),
  async function* (req) {
    yield { data: req.query.name };
  },
  { heartbeat: 5000, allowOrigins: '*' },
);

// Several feeds, a shared one among them, and a subject that may be nobody in any of the ways.
streamSse(trigger, {
  subject: async (req: SignedIn) => req.userId !== undefined && { user: req.userId, tags: ['a', 'b'] },
  feeds: [
    { eventName: 'mail', key: ({ user }) => `mail:${user}`, data: ({ tags }) => tags },
    { key: async ({ user }) => [`orders:${user}`], data: ({ user }, { signal }) => [user, signal.aborted] },
    { eventName: 'ticker', key: 'ticker', data: () => 1 },
  ],
});

// Named callbacks infer as well as those on the spot.
const subject = (req: SignedIn) => req.userId ?? null;
const key = (userId: number) => `user:${userId}`;
streamSse(trigger, { subject, key, data: unread });

// A stream of users that shows all of them the same.
streamSse(trigger, { subject, key: 'news', data: () => 'same for all' });

// Who may look: the types of subject and viewer go to all that asks about them.
app.get(
  '/guarded/:id',
  streamSse(trigger, {
    subject: (req: Request<{ id: string }>) => req.params.id,
    viewer: async (req) => req.ip !== undefined && { ip: req.ip },
    authorize: (orderId, { ip }) => orderId.toUpperCase() === ip.toUpperCase(),
    authorizeKey: (orderId, { ip }) => [`roles:${ip}`, orderId.toUpperCase()],
    authorizeEvery: 5000,
    expiresAt: async (orderId, { ip }) => (orderId === ip.toUpperCase() ? new Date() : null),
    key: (orderId) => orderId.toUpperCase(),
    data: (orderId) => orderId.toUpperCase(),
  }),
);
const viewer = (req: SignedIn) => req.sessionName;
const owns = async (userId: number, name: string) => name === String(userId);
streamSse(trigger, { subject, viewer, authorize: owns, key, data: unread });
streamSse(trigger, { subject, viewer, authorize: owns, key: 'news', data: () => 'same for all' });
streamSse(trigger, { subject, authorize: (userId) => userId > 1, key, data: unread });
streamSse(trigger, { subject, expiresAt: (userId) => userId, key, data: unread });
streamSse(trigger, { subject, viewer, key, data: unread });
streamSse(trigger, { subject, viewer, authorize: owns, feeds: [{ key, data: unread }] });

// A plain server takes the handler as well, and an application a router with it.
createServer((req, res) => streamSse(trigger, { key: 'a', data: () => 1 })(req, res, () => res.end()));
app.use('/streams', express.Router().get('/a', streamSse(trigger, { key: 'a', data: () => 1 })));
streamSse(trigger, {
  subject: (req: IncomingMessage) => req.headers.authorization,
  key: (token) => token,
  data: () => 1,
});

// A store of somebody else.
const store: Store = {
  read: async (keys, signal) => keys.map(() => (signal.aborted ? new Unanswered('gone') : undefined)),
  write: async (versions: ReadonlyMap<string, string>) => void versions.size,
  add: async (versions: ReadonlyMap<string, string>) => void versions.size,
};
new SseTrigger({ store, poll: 500 });

// Whatever has JSON can be sent.
const sendable: Sendable[] = ['a', 1, true, null, {}, [1, [null]], new Date(), { total: 1 }];
streamSse(trigger, { key: 'a', data: () => sendable });

// undefined stands for an option that is not given, and the request is Express's where nothing else is said.
streamSse(trigger, {
  subject: (req) => req.ip,
  key: (ip) => ip,
  data: (ip) => ip.length,
  viewer: undefined,
  authorize: undefined,
  authorizeKey: undefined,
  authorizeEvery: undefined,
  expiresAt: undefined,
  eventName: undefined,
  heartbeat: undefined,
  retry: undefined,
  throttle: undefined,
  resync: undefined,
  dataTimeout: undefined,
  writeTimeout: undefined,
  lifetime: undefined,
  maxPerViewer: undefined,
  allowOrigins: undefined,
  revision: undefined,
});

const timing: Pick<StreamOptions<number>, 'retry' | 'heartbeat'> = { retry: [1, 2], heartbeat: 5 };
streamSse(trigger, { ...timing, key: 'a', data: () => 1 });

new SseTrigger({ onError: (error: SseTriggerError) => error.code === 'read_failed' });
const pushed: PromiseLike<boolean> = trigger.push(['a', 'b']);
const worked: Promise<User> = trigger.pushAfter(async () => (await unread(1))[0]!, { onThrow: 'drop' });
export const results = [pushed, worked];

// --- The keys of a whole application. ---

type Keys = 'ticker' | `notifications:${number}`;
const narrow = new SseTrigger<Keys>();
narrow.push('ticker');
narrow.push(['ticker', 'notifications:7']);
streamSse(narrow, { subject, key: (userId) => `notifications:${userId}` as const, data: unread });
streamSse(narrow, { key: 'ticker', data: () => 1 });
// @ts-expect-error no such key
narrow.push('tickr');
// @ts-expect-error not all of them are keys
narrow.push(['ticker', 'notifications:seven']);
// @ts-expect-error no such key
streamSse(narrow, { key: 'tickr', data: () => 1 });
// @ts-expect-error no such key in a list
streamSse(narrow, { key: ['ticker', 'tickr'], data: () => 1 });
// @ts-expect-error no key of the application is made like this
streamSse(narrow, { subject, key: (userId) => `orders:${userId}` as const, data: unread });
// @ts-expect-error no such key in a feed
streamSse(narrow, { feeds: [{ key: 'tickr', data: () => 1 }] });

// --- What must not compile: keys. ---

// @ts-expect-error no key
streamSse(trigger, { data: () => 1 });
// @ts-expect-error no key beside a subject
streamSse(trigger, { subject, data: unread });
// @ts-expect-error a number for a key
streamSse(trigger, { key: 7, data: () => 1 });
// @ts-expect-error a function that gives a number for a key
streamSse(trigger, { subject, key: (userId) => userId, data: unread });
// @ts-expect-error a function that may give no key
streamSse(trigger, { subject, key: (userId) => (userId > 1 ? 'a' : undefined), data: unread });
// @ts-expect-error a key of a subject that there is not
streamSse(trigger, { key: (userId: number) => `user:${userId}`, data: () => 1 });
// @ts-expect-error a key of another subject
streamSse(trigger, { subject, key: (name: string) => name, data: unread });
// @ts-expect-error a number is no key
trigger.push(7);
// @ts-expect-error a user is no key
trigger.push({ id: 7 });

// --- What must not compile: what is not in the type of the subject, since that flows on, and is not `any`. ---

// @ts-expect-error in key
streamSse(trigger, { subject, key: (userId) => userId.toUpperCase(), data: unread });
// @ts-expect-error in data
streamSse(trigger, { subject, key, data: (userId) => userId.toUpperCase() });
// @ts-expect-error in authorize
streamSse(trigger, { subject, authorize: (userId) => userId.includes('7'), key, data: unread });
// @ts-expect-error in authorizeKey
streamSse(trigger, { subject, authorizeKey: (userId) => userId.toUpperCase(), key, data: unread });
// @ts-expect-error in expiresAt
streamSse(trigger, { subject, expiresAt: (userId) => userId.getTime(), key, data: unread });
// @ts-expect-error the viewer, in authorize
streamSse(trigger, { subject, viewer, authorize: (_, name) => name.toFixed() === '7', key, data: unread });
// @ts-expect-error the request, in subject: it is Express's where nothing else is said
streamSse(trigger, { subject: (req) => req.sessionName, key: 'a', data: () => 1 });
// @ts-expect-error nobody is answered before
streamSse(trigger, { subject: (req) => req.ip, key: (ip: null) => `${ip}`, data: () => 1 });
streamSse(trigger, {
  subject: (req: SignedIn) => req.userId,
  feeds: [
    { key, data: unread },
    // @ts-expect-error in the key of a feed
    { key: (userId) => userId.toUpperCase(), data: unread },
    // @ts-expect-error in the data of a feed
    { key, data: (userId) => userId.toUpperCase() },
    // @ts-expect-error in the run of a feed
    { key, data: (_, { aborted }) => aborted },
  ],
});

// --- What must not compile: feeds. ---

// @ts-expect-error a feed without a key
streamSse(trigger, { subject, feeds: [{ data: unread }] });
// @ts-expect-error a feed without data
streamSse(trigger, { subject, feeds: [{ key }] });
// @ts-expect-error a number for the key of a feed
streamSse(trigger, { subject, feeds: [{ key: (userId: number) => userId, data: unread }] });
// @ts-expect-error a feed whose data takes the request
streamSse(trigger, { subject, feeds: [{ key, data: (req: SignedIn) => req.userId ?? 0 }] });
// @ts-expect-error a feed of a subject that there is not
streamSse(trigger, { feeds: [{ key, data: unread }] });
// @ts-expect-error an option of the stream in a feed
streamSse(trigger, { subject, feeds: [{ key, data: unread, throttle: 5 }] });
// @ts-expect-error one feed that is no list
streamSse(trigger, { subject, feeds: { key, data: unread } });

// --- What must not compile: data. ---

// @ts-expect-error no data
streamSse(trigger, { key: 'a' });
// @ts-expect-error data that takes the request
streamSse(trigger, { subject, key, data: (req: SignedIn) => req.userId ?? 0 });
// @ts-expect-error data that takes the request, on a public stream
streamSse(trigger, { key: 'a', data: (req: Request) => req.ip ?? '' });
// @ts-expect-error data whose parameter is not the subject's type
streamSse(trigger, { subject, key, data: (name: string) => name });
// @ts-expect-error a plain key with data that takes an argument: it would be the same for everybody
streamSse(trigger, { subject, key: 'news', data: (userId: number) => unread(userId) });
// @ts-expect-error the same without a subject
streamSse(trigger, { key: 'news', data: (userId: number) => unread(userId) });
// @ts-expect-error the same in a feed
streamSse(trigger, { subject, feeds: [{ key: 'news', data: (userId: number) => unread(userId) }] });
streamSse(trigger, {
  subject,
  key,
  // @ts-expect-error a forgotten return
  data: (userId) => {
    unread(userId);
  },
});
streamSse(trigger, {
  key: 'a',
  // @ts-expect-error a forgotten return in async
  data: async () => {
    await unread(1);
  },
});
streamSse(trigger, {
  subject,
  key,
  // @ts-expect-error a forgotten return of what a promise gives
  data: (userId) => unread(userId).then(() => {}),
});
// @ts-expect-error what a promise gives can be sent, the promise itself cannot
export const promised: Sendable = unread(1);
// @ts-expect-error a bigint has no JSON
streamSse(trigger, { key: 'a', data: () => 1n });
// @ts-expect-error undefined has no JSON
streamSse(trigger, { key: 'a', data: () => (Math.random() > 0.5 ? 1 : undefined) });

// --- What must not compile: who may look. ---

// @ts-expect-error authorize without a subject
streamSse(trigger, { authorize: () => true, key: 'a', data: () => 1 });
// @ts-expect-error a viewer without a subject
streamSse(trigger, { viewer, key: 'a', data: () => 1 });
// @ts-expect-error expiresAt without a subject
streamSse(trigger, { expiresAt: () => null, key: 'a', data: () => 1 });
// @ts-expect-error authorize of another subject
streamSse(trigger, { subject, viewer, authorize: (name: string) => name === 'a', key, data: unread });
streamSse(trigger, {
  subject,
  // @ts-expect-error a viewer that authorize does not know
  viewer,
  authorize: (_: number, user: User) => user.id === 1,
  key,
  data: unread,
});
// @ts-expect-error authorize that takes the request
streamSse(trigger, { subject, authorize: (req: SignedIn) => req.userId === 1, key, data: unread });
// @ts-expect-error a row in place of an answer
streamSse(trigger, { subject, authorize: (userId) => unread(userId), key, data: unread });
streamSse(trigger, {
  subject,
  // @ts-expect-error a forgotten return
  authorize: (userId) => {
    unread(userId);
  },
  key,
  data: unread,
});
// @ts-expect-error a number for a key
streamSse(trigger, { subject, authorize: () => true, authorizeKey: (userId) => userId, key, data: unread });
// @ts-expect-error a plain key: it would be asked for everybody at once
streamSse(trigger, { subject, authorize: () => true, authorizeKey: 'roles', key, data: unread });
streamSse(narrow, {
  subject,
  authorize: () => true,
  // @ts-expect-error no key of the application is made like this
  authorizeKey: () => 'roles',
  key: 'ticker',
  data: () => 1,
});
// @ts-expect-error a text for a time
streamSse(trigger, { subject, expiresAt: () => '2030-01-01', key, data: unread });
// @ts-expect-error data that takes the viewer
streamSse(trigger, { subject, viewer, key, data: (userId: number, name: string) => [userId, name] });
// @ts-expect-error a stream that nobody authorizes here
eventStream(trigger, async function* () {}, { authorize: () => true });

// --- What must not compile: options. ---

// @ts-expect-error a misspelt option
streamSse(trigger, { key: 'a', data: () => 1, heartbeats: 5 });
// @ts-expect-error a misspelt option beside a subject
streamSse(trigger, { subject, key, data: unread, eventname: 'x' });
// @ts-expect-error an option of the trigger
streamSse(trigger, { key: 'a', data: () => 1, poll: 5 });
// @ts-expect-error a misspelt option of a feed
streamSse(trigger, { feeds: [{ key: 'a', data: () => 1, event: 'x' }] });
// @ts-expect-error feeds and a key
streamSse(trigger, { key: 'a', data: () => 1, feeds: [{ key: 'a', data: () => 1 }] });
// @ts-expect-error a misspelt option of the trigger
new SseTrigger({ pol: 5 });
// @ts-expect-error a store that is none
new SseTrigger({ store: rows });
// @ts-expect-error a store that lacks a method
new SseTrigger({ store: { read: store.read, write: store.write } });
// @ts-expect-error a time as a text
streamSse(trigger, { key: 'a', data: () => 1, heartbeat: '15s' });
// @ts-expect-error one retry
streamSse(trigger, { key: 'a', data: () => 1, retry: 2000 });
// @ts-expect-error one origin that is no list
streamSse(trigger, { key: 'a', data: () => 1, allowOrigins: 'https://a.example' });
// @ts-expect-error an answer to a throw that there is not
trigger.pushAfter(() => 1, { onThrow: 'ignore' });
// @ts-expect-error a trigger that is none
streamSse({}, { key: 'a', data: () => 1 });

// --- What must not compile: eventStream. ---

// @ts-expect-error a source that yields no events
eventStream(trigger, async function* () {
  yield 'text';
});
// @ts-expect-error a misspelt field
eventStream(trigger, async function* () {
  yield { dat: 1 };
});
// @ts-expect-error a promise of all events at once
eventStream(trigger, async () => [{ data: 1 }]);
// @ts-expect-error an option of streamSse only
eventStream(trigger, async function* () {}, { throttle: 5 });
// @ts-expect-error a trigger that is none
eventStream({}, async function* () {});
