import '../session-data.ts';
import express, { type ErrorRequestHandler } from 'express';
import session, { MemoryStore } from 'express-session';
import { encodeEvent } from 'sse-trigger';

/** As connect-redis does while Redis is away. */
class StoreAway extends MemoryStore {
  override get(_id: string, callback: (error: Error) => void): void {
    callback(new Error('the session store is away'));
  }
}

export const app = express();
app.use(session({ store: new StoreAway(), secret: 'secret', resave: false, saveUninitialized: false }));
app.post('/sign-in/:userId', (req, res) => {
  req.session.userId = req.params.userId;
  res.end();
});

const postponeStreams: ErrorRequestHandler = (error, req, res, next) => {
  if (req.headers.accept !== 'text/event-stream' || res.headersSent) return next(error);
  res.type('text/event-stream').end(encodeEvent({ comment: 'later', retry: 30_000 }));
};

app.use(postponeStreams);    // after the routes, before the error handler that answers people
