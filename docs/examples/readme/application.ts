// What the README takes for granted: an application with sessions, a Redis, and something to show.
import '../session-data.ts';
import express from 'express';
import session from 'express-session';
import { Redis } from 'ioredis';

export const redis = new Redis(process.env.REDIS_URL!, { lazyConnect: true });
export const app = express();

app.use(session({ secret: 'secret', resave: false, saveUninitialized: false }));
app.post('/sign-in/:userId', (req, res) => {
  req.session.userId = req.params.userId;
  res.end();
});
app.get('/', (_req, res) => {
  res.send('<!doctype html><title>Notifications</title><link rel="icon" href="data:,"><p></p>');
});

export const userId = 'alice';
const notifications = new Map<string, string[]>();

export function unreadNotifications(userId: string): string[] {
  return notifications.get(userId) ?? [];
}

export function save(userId: string, text: string): void {
  notifications.set(userId, [...unreadNotifications(userId), text]);
}
