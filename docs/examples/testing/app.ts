import express, { type Request } from 'express';
import { eventStream, type SseTrigger, streamSse } from 'sse-trigger';

export const statuses = new Map<string, string>();

/** The application, over the trigger that it is given. */
export function createApp(trigger: SseTrigger) {
  const app = express();
  app.get(
    '/orders/:id/stream',
    streamSse(trigger, {
      subject: (req: Request<{ id: string }>) => req.params.id,
      viewer: (req) => req.get('x-user'),
      authorize: (orderId, user) => user === `owner of ${orderId}`,
      key: (orderId) => `order:${orderId}`,
      data: (orderId) => statuses.get(orderId) ?? 'unknown',
    }),
  );
  app.get(
    '/export/stream',
    eventStream(trigger, async function* () {
      for (const done of [50, 100]) yield { event: 'progress', data: { done } };
    }),
  );
  return app;
}
