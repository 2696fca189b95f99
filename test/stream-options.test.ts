import { expect, it } from 'vitest';
import { SseTrigger, type StreamOptions, streamSse } from '../src/index.ts';

const plain = { key: 'a', data: () => 1 };
const own = { subject: () => 1, key: () => 'a', data: () => 1 };
const guarded = { ...own, authorize: () => true };

function make(options: object): () => unknown {
  return () => streamSse(new SseTrigger(), options as StreamOptions<number>);
}

const refused: [string, object, string][] = [
  ['a misspelt name', { ...plain, heartbeats: 1 }, 'streamSse has no option "heartbeats"; it has subject,'],
  ['a name of the other form', { ...plain, poll: 1 }, 'streamSse has no option "poll"'],
  ['no key', { data: () => 1 }, "key is missing: say what to watch, as in key: 'ticker'"],
  ['no data', { key: 'a' }, 'data must be a function: (subject) => what to send'],
  ['data that is none', { key: 'a', data: { price: 1 } }, 'data must be a function'],
  ['a key that is a number', { ...plain, key: 7 }, 'a key must be a string such as'],
  ['an empty key', { ...plain, key: '' }, 'a key must have 1 to 512 bytes, got 0'],
  ['no keys', { ...plain, key: [] }, 'key must be one key or 1 to 16 of them, got 0'],
  ['17 keys', { ...plain, key: Array.from({ length: 17 }, String) }, 'got 17'],
  [
    'a key of a subject without one',
    { ...plain, key: () => 'a' },
    'key is a function, so subject is missing',
  ],
  ['a subject that is no function', { ...own, subject: 7 }, 'subject must be a function: (req) =>'],
  ['a line end in eventName', { ...plain, eventName: 'a\nb' }, 'event must not hold CR, LF or NUL'],
  ['an empty eventName', { ...plain, eventName: '' }, 'event is empty'],
  ['an eventName that is no text', { ...plain, eventName: 7 }, 'event must be a string'],
  [
    'feeds and a key',
    { ...plain, feeds: [plain] },
    'a stream takes either feeds, or eventName, key and data',
  ],
  ['no feeds', { feeds: [] }, 'feeds must be an array of 1 to 10 of { eventName, key, data }'],
  ['11 feeds', { feeds: new Array(11).fill(plain) }, 'feeds must be an array of 1 to 10'],
  ['feeds that are no list', { feeds: { price: plain } }, 'feeds must be an array'],
  ['a misspelt name in a feed', { feeds: [{ ...plain, name: 'x' }] }, 'a feed has no option "name"'],
  [
    'two feeds of one name',
    { feeds: [plain, { ...plain, eventName: 'message' }] },
    'two feeds are called "message"',
  ],
  ['a feed without data', { feeds: [plain, { key: 'a' }] }, 'data must be a function'],
  ['heartbeat 0', { ...plain, heartbeat: 0 }, 'heartbeat must be a number of milliseconds from 1'],
  ['a heartbeat beyond timers', { ...plain, heartbeat: 2 ** 31 }, 'heartbeat must be'],
  ['a throttle below 0', { ...plain, throttle: -1 }, 'throttle must be a number of milliseconds from 0'],
  ['a resync that is a text', { ...plain, resync: '1h' }, 'resync must be'],
  ['a dataTimeout of 0', { ...plain, dataTimeout: 0 }, 'dataTimeout must be'],
  ['a writeTimeout of NaN', { ...plain, writeTimeout: Number.NaN }, 'writeTimeout must be'],
  ['an endless lifetime', { ...plain, lifetime: Number.POSITIVE_INFINITY }, 'lifetime must be'],
  [
    'maxPerViewer 0',
    { ...own, maxPerViewer: 0 },
    'maxPerViewer must be a whole number of 1 or more, or Infin',
  ],
  ['one retry', { ...plain, retry: 2000 }, 'retry must be [least, most] in whole milliseconds'],
  ['retry the wrong way round', { ...plain, retry: [5, 2] }, 'retry must be'],
  ['three of retry', { ...plain, retry: [1, 2, 3] }, 'retry must be'],
  ['a retry below 0', { ...plain, retry: [-1, 2] }, 'retry must be'],
  ['half a millisecond of retry', { ...plain, retry: [0.5, 2] }, 'retry must be'],
  ['a revision that is a number', { ...plain, revision: 2 }, 'revision must be a string, got number'],
  [
    'origins that are a text',
    { ...plain, allowOrigins: 'https://a.example' },
    'allowOrigins must be an array',
  ],
  ['an origin with a path', { ...plain, allowOrigins: ['https://a.example/'] }, 'is no origin such as'],
  ['an origin without a scheme', { ...plain, allowOrigins: ['a.example'] }, '"a.example" is no origin'],
  ['the origin of nowhere', { ...plain, allowOrigins: ['null'] }, '"null" is no origin'],
  ['all origins in a list', { ...plain, allowOrigins: ['*'] }, '"*" is no origin'],
  [
    "a user's stream for all origins",
    { ...own, allowOrigins: '*' },
    'would show any site what is meant for one',
  ],
  ['a viewer that is no function', { ...own, viewer: 'alice' }, 'viewer must be a function: (req) =>'],
  ...['viewer', 'authorize', 'authorizeKey', 'authorizeEvery', 'expiresAt'].map(
    (name): [string, object, string] => [
      `${name} of a public stream`,
      { ...plain, [name]: name === 'authorizeEvery' ? 5 : () => true },
      `${name} is given, so subject is missing`,
    ],
  ),
  [
    'authorize that is no function',
    { ...own, authorize: true },
    'authorize must be a function: (subject, viewer)',
  ],
  [
    'authorizeKey that is no function',
    { ...guarded, authorizeKey: 'roles' },
    'authorizeKey must be a function: (sub',
  ],
  ['expiresAt that is no function', { ...own, expiresAt: new Date() }, 'expiresAt must be a function'],
  [
    'authorizeKey without authorize',
    { ...own, authorizeKey: () => 'roles', expiresAt: () => null },
    'authorizeKey says when to ask again, so authorize is missing',
  ],
  [
    'authorizeEvery without authorize',
    { ...own, authorizeEvery: 5 },
    'authorizeEvery says when to ask again, so authorize is missing',
  ],
  ...['authorize', 'authorizeKey', 'expiresAt'].map((name): [string, object, string] => [
    `${name} of a viewer that is not given`,
    { ...guarded, [name]: (_: number, _viewer: string) => true },
    `${name} takes a viewer, so viewer is missing: viewer: (req) =>`,
  ]),
  ['authorizeEvery 0', { ...guarded, authorizeEvery: 0 }, 'authorizeEvery must be a number of milliseconds'],
  [
    'a stream that not all may see for all origins',
    { ...guarded, allowOrigins: '*' },
    'would show any site what is meant for one',
  ],
];
it.each(refused)('refuses %s', (_, options, message) => {
  expect(make(options)).toThrow(TypeError);
  expect(make(options)).toThrow(message);
});

const taken: [string, object][] = [
  ['a plain key', plain],
  ['16 keys', { ...plain, key: Array.from({ length: 16 }, String) }],
  ['a subject with a plain key', { ...own, key: 'a' }],
  ['a viewer alone', { ...own, viewer: () => 'alice' }],
  ['expiresAt alone', { ...own, expiresAt: () => null }],
  ['a guarded stream of what is the same for all', { ...guarded, key: 'a' }],
  ['all of a permission', { ...guarded, viewer: () => 1, authorizeKey: () => ['a'], authorizeEvery: 5 }],
  ['10 feeds', { feeds: Array.from({ length: 10 }, (_, index) => ({ ...plain, eventName: `e${index}` })) }],
  [
    'feeds of both kinds',
    { subject: () => 1, feeds: [plain, { eventName: 'a', key: () => 'a', data: () => 1 }] },
  ],
  ['extremes', { ...plain, retry: [0, 0], throttle: 0, resync: 0, heartbeat: 1, maxPerViewer: Infinity }],
  ['an origin with a port', { ...plain, allowOrigins: ['http://localhost:3000', 'https://a.example'] }],
  ['all origins of a public stream', { ...plain, allowOrigins: '*' }],
  [
    'undefined for what is not given',
    {
      ...plain,
      ...{
        subject: undefined,
        viewer: undefined,
        authorize: undefined,
        authorizeKey: undefined,
        authorizeEvery: undefined,
        expiresAt: undefined,
        eventName: undefined,
        feeds: undefined,
        heartbeat: undefined,
        retry: undefined,
      },
      ...{ throttle: undefined, resync: undefined, dataTimeout: undefined, writeTimeout: undefined },
      ...{ lifetime: undefined, maxPerViewer: undefined, allowOrigins: undefined, revision: undefined },
    },
  ],
];
it.each(taken)('takes %s', (_, options) => {
  expect(make(options)()).toBeTypeOf('function');
});

it.each([[{}], [undefined], [{ push: () => {} }]])('refuses %j for a trigger', (trigger) => {
  const make = () => streamSse(trigger as unknown as SseTrigger, plain);
  expect(make).toThrow(TypeError);
  expect(make).toThrow('SseTrigger');
});
