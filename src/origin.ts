/** The pages of which other origins may open a stream; '*' is all of them. */
export type Origins = readonly string[] | '*';

/** What a request says of the page that it comes from. */
export interface Provenance {
  /** What pages of the server's own origin know it by. */
  readonly host: string | undefined;
  header(name: string): string | undefined;
}

/**
 * Whether the page that asks may open the stream: one of the same site's own, or of an origin in `allowed`. The rules
 * are those of Fetch Metadata (https://www.w3.org/TR/fetch-metadata/): a client that sends none is held to its Origin.
 */
export function isAllowedOrigin(from: Provenance, allowed: Origins): boolean {
  const [mode, dest] = [from.header('sec-fetch-mode'), from.header('sec-fetch-dest')];
  if (mode === 'navigate' || (dest !== undefined && dest !== 'empty')) return false;
  const [origin, site] = [from.header('origin'), from.header('sec-fetch-site')];
  if (allowed === '*' || (origin !== undefined && allowed.includes(origin))) return true;
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === from.host);
}
