import { Refusal } from './refusal.ts';

/** Whatever leaves ink, unlike spaces, marks of direction and fillers. */
const VISIBLE = /[^\p{Z}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * The text in a field of a request's body, trimmed, and composed, so that what looks the same is the same.
 *
 * @throws Refusal unless it has 1 to `most` characters, some of them visible and none a control character.
 */
export function requireText(body: unknown, field: string, most: number): string {
  const value = (Object(body) as Record<string, unknown>)[field];
  const text = typeof value === 'string' ? value.normalize('NFC').trim() : '';
  if (!VISIBLE.test(text) || text.length > most) {
    throw new Refusal(400, `${field} must be 1 to ${most} characters long`);
  }
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) {
    throw new Refusal(400, `${field} must not contain control characters`);
  }
  return text;
}
