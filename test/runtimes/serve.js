// Serves the example that it is given, over docs/examples/frameworks/web.ts, in whatever runs this, prints its port, and
// does what lines on stdin say, each of which it answers with what the trigger counts. It ends with stdin.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { messages } from '../../docs/examples/frameworks/unread.ts';
import { trigger } from '../../docs/examples/frameworks/web.ts';

const [, , example] = process.argv;
const { server } = await import(pathToFileURL(example));
console.log(server.port ?? server.addr.port);

/** @type {Record<string, (argument: string) => unknown>} */
const commands = {
  stats: () => {},
  say: (text) => {
    messages.set('ann', text);
    return trigger.push('notifications:ann');
  },
  /** So many messages of a million characters, each as soon as the one before was read. */
  flood: async (times) => {
    for (let left = Number(times); left > 0; left -= 1) {
      const { runs } = trigger.stats();
      messages.set('ann', `${left}`.padEnd(1_000_000));
      await trigger.push('notifications:ann');
      while (trigger.stats().runs === runs) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },
  drain: () => trigger.drain(0),
};

const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const [, command, argument] = /^(\w+) ?(.*)$/.exec(line);
  await commands[command](argument);
  console.log(JSON.stringify(trigger.stats()));
});
await once(lines, 'close');
process.exit();
