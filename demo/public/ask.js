/** Nobody took the question. */
export class Unreachable extends Error {}

/** Milliseconds that an answer may take. */
const PATIENCE = 10_000;

/**
 * Gives the server's answer. Throws what is wrong, in words for people.
 *
 * @param {string} path
 * @param {object} [body] is posted
 */
export async function ask(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const post = body && { method: 'POST', headers, body: JSON.stringify(body) };
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), PATIENCE);
  const response = await fetch(path, { cache: 'no-store', signal: waiting.signal, ...post }).catch(() => {
    throw waiting.signal.aborted
      ? new Error(
          'No answer. Browsers open only six connections to a server: perhaps close another tab of this page.',
        )
      : new Unreachable('The server cannot be reached.');
  });
  clearTimeout(timer);
  // Some answers have no body.
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? 'Something went wrong on the server.');
  return answer;
}
