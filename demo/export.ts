import { setTimeout as pause } from 'node:timers/promises';
import type { EntityManager } from '@mikro-orm/core';
import type { ServerEvent, SourceRun } from 'sse-trigger';
import { Notification, toId } from './notification.ts';

/** Data of one event. */
export interface Rows {
  /** How many notifications have been sent by now, of how many. */
  done: number;
  total: number;
  /** Lines of a CSV file. */
  lines: string[];
}

const HEADER = 'id,from,text,at,read';
/** So few, and with a pause between them, that one can watch: a real export would take thousands, and need no pause. */
const PAGE = 2;
const PAUSE = 250;

/**
 * All that was sent to `user` up to now, page by page. The id of an event is that of its last row, so a client that was
 * cut off goes on behind it, in whatever process.
 */
export async function* exportNotifications(
  em: EntityManager,
  user: string,
  { signal, lastEventId }: SourceRun,
): AsyncGenerator<ServerEvent> {
  const sentTo = { to: user };
  const newest = await em.findOne(Notification, sentTo, { orderBy: { id: 'desc' } });
  const upTo = newest?.id ?? 0;
  const total = await em.count(Notification, { ...sentTo, id: { $lte: upTo } });
  let last = toId(lastEventId) ?? 0;
  let done = await em.count(Notification, { ...sentTo, id: { $lte: Math.min(last, upTo) } });
  let lines = last === 0 ? [HEADER] : [];
  for (;;) {
    const left = { ...sentTo, id: { $gt: last, $lte: upTo } };
    const page = await em.find(Notification, left, { orderBy: { id: 'asc' }, limit: PAGE });
    lines.push(...page.map(toLine));
    last = page.at(-1)?.id ?? last;
    done += page.length;
    yield { event: 'rows', id: String(last), data: { done, total, lines } satisfies Rows };
    if (done >= total) return;
    lines = [];
    await pause(PAUSE, undefined, { signal });
  }
}

function toLine({ id, from, text, at, read }: Notification): string {
  return [String(id), from, text, at.toISOString(), String(read)].map(toCell).join(',');
}

/** Neither names nor texts have line breaks; see requireText. */
function toCell(text: string): string {
  // Spreadsheets would take it for a formula, and run it. Some begin a new cell at a semicolon or a tab, even in quotes.
  const harmless = text.replace(/(?<=^|[;\t])(?=[=+\-@＝＋－＠])/g, "'");
  return /[",;\t]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
