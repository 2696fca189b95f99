import { Router } from 'express';
import { type SseTrigger, type Stats, streamSse } from 'sse-trigger';
import type { Crowd, CrowdState } from './crowd.ts';
import type { Meter, Write } from './meter.ts';
import { Refusal } from './refusal.ts';
import { type SessionKey, type Sessions, toSessionKey } from './sessions.ts';
import { usersOf } from './sign-in.ts';

/** What the panel "Under the bonnet" shows. */
export interface Bonnet {
  /** Of this process, so that a restart can be seen. */
  pid: number;
  startedAt: string;
  /** Memory of the whole process, in bytes. */
  rss: number;
  stats: Stats;
  /** Open streams that watch something, so without exports: those that come back after a restart. */
  watching: number;
  /** What one loop a connection would have cost by now. */
  loop: ReturnType<Meter['loop']>;
  crowd: CrowdState;
  /** What went out last to those who are signed in on this screen, the newest last. */
  wire: Write[];
}

export type BonnetKey = 'bonnet' | SessionKey;

export interface BonnetOptions {
  /** What the panel is about. */
  trigger: { stats(): Stats };
  meter: Meter;
  sessions: Sessions;
  crowd: Crowd;
  /** The panel's own, so that it does not count itself. */
  bonnetTrigger: SseTrigger<BonnetKey>;
  /** Starts another process in place of this one; undefined when nobody is there to do that. */
  restart?: (() => void) | undefined;
}

const startedAt = new Date().toISOString();

export function bonnetRoutes(options: BonnetOptions): Router {
  const { trigger, meter, sessions, crowd, bonnetTrigger, restart } = options;
  const router = Router();

  router.get(
    '/stream',
    streamSse(bonnetTrigger, {
      subject: usersOf,
      viewer: (req) => req.sessionID,
      authorize: (users, sessionID) => sessions.isOf(users, sessionID),
      authorizeKey: (_, sessionID) => toSessionKey(sessionID),
      // Its trigger does not see what other processes push.
      authorizeEvery: 2000,
      key: () => 'bonnet',
      data: (users): Bonnet => {
        const stats = trigger.stats();
        return {
          pid: process.pid,
          startedAt,
          rss: process.memoryUsage.rss(),
          stats,
          watching: meter.watching,
          loop: meter.loop(stats),
          crowd: crowd.state(),
          wire: meter.wire(users),
        };
      },
      eventName: 'bonnet',
      throttle: 250,
      // Time passes without a push.
      resync: 1000,
    }),
  );

  router.post('/crowd', (req, res) => {
    const { open } = Object(req.body) as { open?: unknown };
    if (typeof open !== 'boolean') throw new Refusal(400, 'open must be true or false');
    if (open) void crowd.open();
    else crowd.close();
    bonnetTrigger.push('bonnet');
    res.status(202).end();
  });

  router.post('/restart', (_req, res) => {
    if (restart === undefined) throw new Refusal(503, 'Nobody would start it again: use npm run demo.');
    res.status(202).end();
    restart();
  });

  return router;
}
