import { promisify } from 'node:util';
import { type Request, Router } from 'express';
import { Refusal } from './refusal.ts';
import { type SessionKey, type Sessions, toSessionKey } from './sessions.ts';
import { requireText } from './text-field.ts';

declare module 'express-session' {
  interface SessionData {
    /** Who is signed in on this screen, in the order in which they came; never empty. */
    users: string[];
  }
}

/** Who is signed in on the screen that asks. */
export function usersOf(req: Request): string[] {
  return req.session.users ?? [];
}

/** The name under which somebody is signed in, or can be notified: any that is typed, since nobody has to register. */
export function requireName(body: unknown, field: string): string {
  return requireText(body, field, 40);
}

/** @throws Refusal unless `name` is signed in on the screen that asks. */
export function requireUser(req: Request, name: unknown): string {
  const user = usersOf(req).find((user) => user === name);
  if (user === undefined) throw new Refusal(401, 'Sign in first.');
  return user;
}

/** Several can share a screen, for those who try the bell alone. */
const MOST_USERS = 4;

export interface SignInOptions {
  sessions: Sessions;
  /** Ends the streams of these sessions, wherever they are open. */
  push: (keys: SessionKey[]) => PromiseLike<unknown>;
}

export function signInRoutes({ sessions, push }: SignInOptions): Router {
  const router = Router();

  /** Called when the store knows, so that who is asked says so, and before the answer. */
  const endStreams = (...ids: string[]) => push(ids.map(toSessionKey));

  router.get('/session', (req, res) => {
    res.json({ users: usersOf(req) });
  });

  router.post('/sign-in', async (req, res) => {
    const users = [...new Set([...usersOf(req), requireName(req.body, 'name')])];
    if (users.length > MOST_USERS) throw new Refusal(400, `At most ${MOST_USERS} users fit on one screen.`);
    const before = req.sessionID;
    // A new id, so that whoever knew the one from before is not signed in as well.
    await promisify(req.session.regenerate).call(req.session);
    req.session.users = users;
    await endStreams(before);
    res.json({ users });
  });

  router.post('/sign-out', async (req, res) => {
    const name = requireName(req.body, 'name');
    const users = usersOf(req).filter((user) => user !== name);
    const { session, sessionID } = req;
    session.users = users;
    // At once, so that who comes back to the session finds it as it is now.
    await promisify(users.length > 0 ? session.save : session.destroy).call(session);
    await endStreams(sessionID);
    res.json({ users });
  });

  router.post('/sign-out-everywhere', async (req, res) => {
    const name = requireUser(req, req.body?.name);
    await endStreams(...(await sessions.removeUser(name)));
    res.json({ users: usersOf(req).filter((user) => user !== name) });
  });

  return router;
}
