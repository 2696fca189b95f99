import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Served, serve } from './serve.ts';

/** A server that speaks the Fetch standard, on a free port until it is disposed of. */
export function serveFetch(answer: (request: Request) => Promise<Response>): Promise<Served> {
  return serve((req, res) => {
    respond(req, res, answer).catch(() => res.destroy());
  });
}

async function respond(
  req: IncomingMessage,
  res: ServerResponse,
  answer: (request: Request) => Promise<Response>,
): Promise<void> {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  const headers = Object.entries(req.headers).map(([name, value]) => [name, String(value)] as const);
  const request = new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method!,
    headers: Object.fromEntries(headers),
    signal: gone.signal,
  });
  const { status, headers: head, body } = await answer(request);
  res.writeHead(status, Object.fromEntries(head));
  for await (const bytes of body ?? []) {
    if (!res.write(bytes)) await untilDrained(res);
    if (res.destroyed) return;
  }
  res.end();
}

function untilDrained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    res.once('drain', resolve).once('close', resolve);
  });
}
