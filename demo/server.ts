import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Keyv } from 'keyv';
import { SseTrigger } from 'sse-trigger';
import { KeyvStore } from 'sse-trigger/keyv';
import { createApp } from './app.ts';
import type { BonnetKey } from './bonnet.ts';
import { Crowd } from './crowd.ts';
import { listen } from './listen.ts';
import { detach, handOver, hasParent, takeOver, untilStopped } from './parent.ts';
import { openStorage } from './storage.ts';

try {
  await run();
  detach();
} catch (error) {
  console.error((error as Error).message);
  process.exit(1); // at once, since what was opened before it failed would keep the process
}

async function run(): Promise<void> {
  const untilStop = untilStopped().then(() => 'stop' as const);
  const handover = await takeOver();
  // Redis would keep the versions during a restart. In memory they are handed on instead, so that clients who missed
  // nothing cost nothing here, too.
  const versions = new Map(handover?.versions);
  const storage = await openStorage(process.env, versions);
  // In memory, since every process has a bonnet of its own.
  const bonnetTrigger = new SseTrigger<BonnetKey>({ store: new KeyvStore(new Keyv()) });

  const server = createServer();
  const crowd = new Crowd(server, () => storage.trigger.stats());
  let restart!: () => void;
  const untilRestart = new Promise<void>((resolve) => {
    restart = resolve;
  });
  const app = createApp({ ...storage, bonnetTrigger, crowd, restart: hasParent ? restart : undefined });
  server.on('request', app);

  const { port, url } = await listen(server, handover?.port);
  console.log(`The bell rings at ${url}`);
  if (handover?.crowd !== undefined) void crowd.open(handover.crowd.lastId);

  const ending = await Promise.race([untilRestart.then(() => 'restart' as const), untilStop]);
  await end(server, [storage.trigger, bonnetTrigger]);
  await bonnetTrigger.close();
  await storage.close();
  if (ending === 'restart') await handOver({ port, versions: [...versions], crowd: crowd.handOver() });
}

/** Ends all streams within a second, but not in one moment, and then the server. */
async function end(server: Server, triggers: Pick<SseTrigger, 'drain'>[]): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await Promise.all(triggers.map((trigger) => trigger.drain(1000)));
  // Browsers open connections for requests that may never come, and nobody else ends those.
  setTimeout(() => server.closeAllConnections(), 100).unref();
  await closed;
}
