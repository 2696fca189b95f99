import express, { type Express } from 'express';
import session, { type Store } from 'express-session';
import type { SseTrigger } from 'sse-trigger';
import { type BonnetKey, bonnetRoutes } from './bonnet.ts';
import type { Crowd } from './crowd.ts';
import type { Database } from './database.ts';
import { Meter } from './meter.ts';
import type { Key } from './notification.ts';
import { notificationRoutes, sentStream } from './notifications.ts';
import { onlyOwnPages, secureHeaders } from './own-pages.ts';
import { answerErrors } from './refusal.ts';
import { type SessionKey, Sessions } from './sessions.ts';
import { signInRoutes } from './sign-in.ts';

export interface AppOptions {
  trigger: SseTrigger<Key>;
  /** Of the panel "Under the bonnet", so that this does not count itself. */
  bonnetTrigger: SseTrigger<BonnetKey>;
  orm: Database;
  sessions: Store;
  /** Signs the session cookie. */
  sessionSecret: string;
  crowd: Crowd;
  /** Starts another process in place of this one; undefined when nobody is there to do that. */
  restart?: (() => void) | undefined;
}

const DAY = 24 * 60 * 60 * 1000;

export function createApp(options: AppOptions): Express {
  const { trigger, bonnetTrigger, orm, sessionSecret } = options;
  const sessions = new Sessions(options.sessions);
  const meter = new Meter(() => bonnetTrigger.push('bonnet'));
  const app = express();
  app.disable('x-powered-by');
  app.use(secureHeaders);
  app.use(express.static('demo/public'));
  app.use(onlyOwnPages);
  // Before the sessions, since it is for everybody.
  app.get(
    '/crowd/stream',
    meter.count(() => 1),
    sentStream(trigger, orm),
  );
  app.use(express.json());
  app.use(
    session({
      name: 'bell.sid',
      store: options.sessions,
      secret: sessionSecret,
      cookie: { httpOnly: true, sameSite: 'lax', maxAge: 7 * DAY },
      resave: false,
      saveUninitialized: false,
    }),
  );
  const push = (keys: SessionKey[]) => Promise.all([trigger.push(keys), bonnetTrigger.push(keys)]);
  app.use(signInRoutes({ sessions, push }));
  app.use('/notifications', notificationRoutes({ trigger, orm, meter, sessions }));
  app.use('/bonnet', bonnetRoutes({ ...options, meter, sessions }));
  app.use(answerErrors);
  return app;
}
