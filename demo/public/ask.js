/**
 * Gives the server's answer. Throws what is wrong, in words for people.
 *
 * @param {string} path
 * @param {object} [body] is posted
 */
export async function ask(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const post = body && { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(path, { cache: 'no-store', ...post }).catch(() => {
    throw new Error('The server cannot be reached.');
  });
  // Some answers have no body.
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? 'Something went wrong on the server.');
  return answer;
}
