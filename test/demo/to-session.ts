import { Cookie, type SessionData } from 'express-session';

/** A session as express-session hands it to a store. */
export function toSession(users: string[], maxAge = 60_000): SessionData {
  const cookie = new Cookie();
  cookie.originalMaxAge = maxAge;
  cookie.expires = new Date(Date.now() + maxAge);
  const session: Partial<SessionData> = { cookie, users };
  return session as SessionData;
}
