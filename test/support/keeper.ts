/** Something that a test opens, and that is to be closed after it. */
type Closable = { close(): Promise<unknown> } | { disconnect(): void };

/** Keeps what a test opens until all of it is closed. */
export function keeper() {
  const opened: Closable[] = [];
  return {
    keep<T extends Closable>(thing: T): T {
      opened.push(thing);
      return thing;
    },
    async closeAll(): Promise<void> {
      for (const thing of opened.splice(0)) await ('close' in thing ? thing.close() : thing.disconnect());
    },
  };
}
