import { promisify } from 'node:util';
import { type Request, Router } from 'express';
import { Refusal, requireText } from './refusal.ts';

declare module 'express-session' {
  interface SessionData {
    /** Who is signed in. */
    userName: string;
  }
}

/** The name under which somebody is signed in, or can be notified: any that is typed, since nobody has to register. */
export function requireName(body: unknown, field: string): string {
  return requireText(body, field, 40);
}

/** @throws Refusal when nobody is signed in. */
export function requireUser(req: Request): string {
  if (req.session.userName === undefined) throw new Refusal(401, 'Sign in first.');
  return req.session.userName;
}

export function signInRoutes(): Router {
  const router = Router();

  router.get('/session', (req, res) => {
    res.json({ name: req.session.userName ?? null });
  });

  router.post('/sign-in', async (req, res) => {
    const name = requireName(req.body, 'name');
    // A new id, so that whoever knew the one from before is not signed in as well.
    await promisify(req.session.regenerate).call(req.session);
    req.session.userName = name;
    res.json({ name });
  });

  router.post('/sign-out', async (req, res) => {
    await promisify(req.session.destroy).call(req.session);
    res.status(204).end();
  });

  return router;
}
