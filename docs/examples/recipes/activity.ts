import type { Request } from 'express';
import { streamSse } from 'sse-trigger';
import type { Page, Parts } from './parts.ts';

interface Entry { id: number; who: string; what: string }

/** Tables of a database. */
const activities = new Map<string, Entry[]>();
const members = new Map<string, Set<string>>();
const isMember = async (projectId: string, userId: string) => members.get(projectId)?.has(userId) === true;
const newestOf = async (projectId: string, count: number) => (activities.get(projectId) ?? []).slice(-count).reverse();

export function activity({ app, trigger }: Parts): void {
  app.post('/projects/:id/members/:userId', async (req: Request<{ id: string; userId: string }>, res) => {
    const { id, userId } = req.params;
    members.set(id, new Set([...(members.get(id) ?? []), userId]));
    trigger.push(`members:${id}`);
    res.sendStatus(201);
  });

  app.delete('/projects/:id/members/:userId', async (req: Request<{ id: string; userId: string }>, res) => {
    members.get(req.params.id)?.delete(req.params.userId);
    trigger.push(`members:${req.params.id}`);
    res.sendStatus(204);
  });

  app.post('/projects/:id/notes/:text', async (req: Request<{ id: string; text: string }>, res) => {
    const { id, text } = req.params;
    const entries = activities.get(id) ?? [];
    activities.set(id, [...entries, { id: entries.length + 1, who: req.session.userId ?? 'nobody', what: text }]);
    trigger.push(`activity:${id}`);
    res.sendStatus(201);
  });

  app.get('/projects/:id/activity/stream', streamSse(trigger, {
    subject: (req: Request<{ id: string }>) => req.params.id,
    viewer: (req) => req.session.userId,
    authorize: (projectId, userId) => isMember(projectId, userId),
    authorizeKey: (projectId) => `members:${projectId}`,
    key: (projectId) => `activity:${projectId}`,
    data: (projectId) => newestOf(projectId, 20),
    eventName: 'newest',
  }));
}

export function activityPage({ EventSource, show }: Page): void {
  const shown = new Map<number, Entry>();
  new EventSource('/projects/7/activity/stream').addEventListener('newest', ({ data }) => {
    for (const entry of JSON.parse(data)) shown.set(entry.id, entry);
    show([...shown.values()].sort((a, b) => b.id - a.id));
  });
}
