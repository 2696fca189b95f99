import { Redis } from 'ioredis';

/** Counts the commands that a Redis carries out, without those of the counter itself. */
export class RedisCommands implements Disposable {
  readonly #redis: Redis;
  #before = new Map<string, number>();

  constructor(redisUrl: string) {
    this.#redis = new Redis(redisUrl);
  }

  async begin(): Promise<void> {
    this.#before = await this.#calls();
  }

  /** Calls of each command since `begin`, by its name in lower case. */
  async end(): Promise<Map<string, number>> {
    const since = new Map<string, number>();
    for (const [command, calls] of await this.#calls()) {
      const own = command === 'info' ? 1 : 0;
      since.set(command, calls - (this.#before.get(command) ?? 0) - own);
    }
    return since;
  }

  [Symbol.dispose](): void {
    this.#redis.disconnect();
  }

  async #calls(): Promise<Map<string, number>> {
    const stats = await this.#redis.info('commandstats');
    return new Map(
      Array.from(stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm), ([, command, calls]) => [
        command!,
        Number(calls),
      ]),
    );
  }
}
