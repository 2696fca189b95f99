import type { Request, RequestHandler } from 'express';
import { Refusal } from './refusal.ts';

/** Sent with every answer: pages load nothing from elsewhere, and nobody shows them in a frame. */
export const secureHeaders: RequestHandler = (_req, res, next) => {
  res.set({
    'Content-Security-Policy':
      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
  });
  next();
};

/** Lets nothing be changed by pages of other sites, which could otherwise act for whoever is signed in here. */
export const onlyOwnPages: RequestHandler = (req, _res, next) => {
  if (req.method !== 'GET' && req.method !== 'HEAD' && !isFromOwnPage(req)) {
    throw new Refusal(403, 'This can only be done on a page of this site.');
  }
  next();
};

function isFromOwnPage(req: Request): boolean {
  const { origin, host, 'sec-fetch-site': site } = req.headers;
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  // Browsers send Sec-Fetch-Site over HTTPS and to localhost only, but Origin always; no browser, no other site's page.
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
