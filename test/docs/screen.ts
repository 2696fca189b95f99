import { EventSource } from 'eventsource';
import type { Express } from 'express';
import session from 'express-session';
import request from 'supertest';
import type { Page } from '../../docs/examples/recipes/parts.ts';
import { until } from '../support/until.ts';

/** Gives an application sessions, into which anybody gets by a name. */
export function withSessions(app: Express): Express {
  app.use(session({ secret: 'secret', resave: false, saveUninitialized: false }));
  app.post('/sign-in/:userId', (req, res) => {
    req.session.userId = req.params.userId;
    res.end();
  });
  return app;
}

/** A browser as far as examples of pages need one. */
export class Screen implements Page, Disposable {
  /** Newest last. */
  readonly shown: unknown[] = [];
  /** Why streams have ended or could not be opened: the status, or undefined when the server just ended it. */
  readonly errors: (number | undefined)[] = [];
  readonly sources: EventSource[] = [];
  readonly EventSource: Page['EventSource'];
  readonly #url: string;
  readonly #cookie: string;

  constructor(url: string, cookie = '') {
    this.#url = url;
    this.#cookie = cookie;
    const { errors, sources } = this;
    this.EventSource = class extends EventSource {
      constructor(path: string) {
        super(new URL(path, url), {
          fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, cookie } }),
        });
        this.addEventListener('error', ({ code }) => errors.push(code));
        sources.push(this);
      }
    };
  }

  /** Somebody is signed in. */
  static async of(url: string, userId: string): Promise<Screen> {
    const answer = await request(url).post(`/sign-in/${userId}`).expect(200);
    return new Screen(url, answer.get('Set-Cookie')![0]!);
  }

  readonly show = (what: unknown) => void this.shown.push(what);

  post(path: string): request.Test {
    return request(this.#url).post(path).set('Cookie', this.#cookie);
  }

  /** Resolves when this is what is shown. */
  async shows(what: unknown): Promise<void> {
    await until(() => JSON.stringify(this.shown.at(-1)) === JSON.stringify(what));
  }

  /** Resolves when a stream was refused with this status. */
  async isRefused(status: number): Promise<void> {
    await until(() => this.errors.includes(status));
  }

  [Symbol.dispose](): void {
    for (const source of this.sources) source.close();
  }
}
