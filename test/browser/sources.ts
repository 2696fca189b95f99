import type { BrowserContext, Page } from 'playwright-core';

/** Keeps every EventSource that a page of `screen` makes from now on, to be asked by the two below. */
export async function watchSources(screen: BrowserContext): Promise<void> {
  await screen.addInitScript(`
    globalThis.sources = [];
    globalThis.EventSource = class extends EventSource {
      constructor(...args) {
        super(...args);
        sources.push(this);
      }
    };
  `);
}

/** The paths of those that are open, or are to be. */
export function openSources(page: Page): Promise<string[]> {
  return page.evaluate(
    'sources.filter(({ readyState }) => readyState < 2).map(({ url }) => new URL(url).pathname)',
  );
}
