import { setImmediate } from 'node:timers/promises';
import type { Request } from 'express';
import { type SseTrigger, streamSse } from 'sse-trigger';
import type { Page, Parts } from './parts.ts';

interface Job { id: string; userId: string; done: number; total: number }

/** A table of a database. */
const jobs = new Map<string, Job>();

const save = async (job: Job) => void jobs.set(job.id, job);
const step = (_job: Job, _number: number) => setImmediate();

/** In whatever process, with a trigger on the same Redis. */
async function work(trigger: SseTrigger, job: Job): Promise<void> {
  for (let done = 1; done <= job.total; done += 1) {
    await step(job, done);
    await save({ ...job, done });
    trigger.push(`job:${job.id}`);
  }
}

export function job({ app, trigger }: Parts): void {
  app.post('/jobs', async (req, res) => {
    const job = { id: String(jobs.size + 1), userId: req.session.userId ?? 'nobody', done: 0, total: 1000 };
    await save(job);
    void work(trigger, job);
    res.status(202).json({ id: job.id });
  });

  app.get('/jobs/:id/stream', streamSse(trigger, {
    subject: (req: Request<{ id: string }>) => req.params.id,
    viewer: (req) => req.session.userId,
    authorize: async (id, userId) => jobs.get(id)?.userId === userId,
    key: (id) => `job:${id}`,
    data: async (id) => jobs.get(id) ?? null,
    eventName: 'progress',
    throttle: 250,    // four bars a second are enough, however many steps there are
  }));
}

export function jobPage({ EventSource, show }: Page, id: string): void {
  const source = new EventSource(`/jobs/${id}/stream`);
  source.addEventListener('progress', ({ data }) => {
    const { done, total } = JSON.parse(data);
    show({ done, total });
    if (done === total) source.close();   // or it would come back for ever
  });
}
