import express from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';

export const app = express();
export const trigger = new SseTrigger();

const inboxOf = (userId: string) => [`Welcome, ${userId}.`];

/** Stands for the check of a signed token: when it expires, in seconds, and whose it is. */
export function verify(cookie: string | undefined): { sub: string; exp: number } | undefined {
  const [, exp, sub] = /token=(\d+)\.(\w+)/.exec(cookie ?? '') ?? [];
  return sub === undefined ? undefined : { sub, exp: Number(exp) };
}

app.get('/inbox/stream', streamSse(trigger, {
  subject: (req) => verify(req.headers.cookie)?.sub,
  viewer: (req) => verify(req.headers.cookie),         // { sub, exp }: what authorize and expiresAt get
  expiresAt: (_, { exp }) => exp * 1000,               // the stream ends then; a token that has expired answers 403
  key: (userId) => `inbox:${userId}`,
  data: (userId) => inboxOf(userId),
}));
