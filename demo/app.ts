import express, { type Express } from 'express';
import session from 'express-session';
import type { SseTrigger } from 'sse-trigger';
import type { Database } from './database.ts';
import type { BellKey } from './notification.ts';
import { notificationRoutes } from './notifications.ts';
import { onlyOwnPages, secureHeaders } from './own-pages.ts';
import { answerErrors } from './refusal.ts';
import { signInRoutes } from './sign-in.ts';

export interface AppOptions {
  trigger: SseTrigger<BellKey>;
  orm: Database;
  /** Signs the session cookie. */
  sessionSecret: string;
}

export function createApp({ trigger, orm, sessionSecret }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(secureHeaders);
  app.use(express.static('demo/public'));
  app.use(onlyOwnPages);
  app.use(express.json(), express.urlencoded({ extended: false }));
  app.use(
    session({
      name: 'bell.sid',
      secret: sessionSecret,
      cookie: { httpOnly: true, sameSite: 'lax' },
      resave: false,
      saveUninitialized: false,
    }),
  );
  app.use(signInRoutes());
  app.use('/notifications', notificationRoutes(trigger, orm));
  app.use(answerErrors);
  return app;
}
