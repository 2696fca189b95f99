import type { Readable } from 'node:stream';

/** Reads on until what came holds `part`, and gives it. What comes after can be read the same way. */
export async function textUntil(readable: Readable, part: string): Promise<string> {
  let text = '';
  for await (const more of readable.iterator({ destroyOnReturn: false })) {
    text += more;
    if (text.includes(part)) return text;
  }
  throw new Error(`ended before ${part}: ${text}`);
}
