import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { streamSse } from 'sse-trigger';
import type { Page, Parts } from './parts.ts';

export function presence({ app, trigger, redis }: Parts): void {
  const STAY = 60_000;

  /** Who has a stream of that room open, in any process. */
  async function whoIsIn(room: string): Promise<string[]> {
    const open = await redis.zrange(`room:${room}`, Date.now(), '+inf', 'BYSCORE');
    return [...new Set(open.map((stream) => stream.slice(0, stream.lastIndexOf(' '))))].sort();
  }

  const enter: RequestHandler<{ room: string }> = (req, res, next) => {
    const { room } = req.params;
    const stream = `${req.session.userId} ${randomUUID()}`;   // of one user there may be several
    const stay = () => redis.multi()
      .zadd(`room:${room}`, Date.now() + STAY, stream)
      .zremrangebyscore(`room:${room}`, '-inf', Date.now())   // those whose process has died
      .pexpire(`room:${room}`, STAY)
      .exec();
    const tell = () => void trigger.push(`presence:${room}`);
    const ignore = () => {};                                  // the next one is in 20 s
    if (res.destroyed || req.session.userId === undefined) return next();
    const timer = setInterval(() => stay().catch(ignore), STAY / 3);
    res.once('close', () => {
      clearInterval(timer);
      redis.zrem(`room:${room}`, stream).then(tell, ignore);
    });
    stay().then(tell, ignore);
    next();
  };

  app.get('/rooms/:room/stream', enter, streamSse(trigger, {
    subject: (req: Request<{ room: string }>) => req.params.room,
    viewer: (req) => req.session.userId,
    key: (room) => `presence:${room}`,
    data: (room) => whoIsIn(room),
    eventName: 'here',
    resync: STAY,     // whose process has died says no goodbye
  }));
}

export function presencePage({ EventSource, show }: Page): void {
  new EventSource('/rooms/lobby/stream').addEventListener('here', ({ data }) => show(JSON.parse(data)));
}
