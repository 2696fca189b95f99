import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is truthy, and gives it. For what tells no event. @throws after `ms`. */
export async function until<T>(ask: () => T | Promise<T>, ms = 10_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${ask}`);
    await sleep(5);
  }
}
