import '../session-data.ts';
import express, { type Request } from 'express';
import session from 'express-session';
import { SseTrigger, streamSse } from 'sse-trigger';

export const app = express();
export const trigger = new SseTrigger();
export const owners = new Map([['1', 'alice']]);

app.use(session({ secret: 'secret', resave: false, saveUninitialized: false }));
app.post('/sign-in/:userId', (req, res) => {
  req.session.userId = req.params.userId;
  res.end();
});
const owns = (userId: string, orderId: string) => owners.get(orderId) === userId;
const orderStatus = (orderId: string) => ({ orderId, status: 'packed' });

app.get('/orders/:id/stream', streamSse(trigger, {
  subject: (req: Request<{ id: string }>) => req.params.id,  // what the stream is about
  viewer: (req) => req.session.userId,                       // who looks; data never sees it
  authorize: (orderId, userId) => owns(userId, orderId),
  authorizeKey: (_, userId) => `roles:${userId}`,            // pushed wherever roles change
  key: (orderId) => `order:${orderId}`,
  data: (orderId) => orderStatus(orderId),
}));
