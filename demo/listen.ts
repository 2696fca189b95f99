import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Listens where the environment says; see .env.example. `portBefore` is that of the server before this one, whose clients
 * are to find it again.
 *
 * @throws Error that says in one line what to do differently.
 */
export async function listen(server: Server, portBefore?: number): Promise<{ port: number; url: string }> {
  const port = portBefore ?? toPort(process.env.PORT || '3000');
  server.listen(port, process.env.HOST || '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`Port ${port} is taken: set PORT to another one, or to 0 for any that is free.`);
  }
  const address = server.address() as AddressInfo;
  return { port: address.port, url: toUrl(address) };
}

function toPort(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(
    `PORT is ${text}, which is no port: set it to a number up to 65535, or to 0 for any that is free.`,
  );
}

/** Where a browser on this machine finds it. */
function toUrl({ address, family, port }: AddressInfo): string {
  if (['127.0.0.1', '::1', '0.0.0.0', '::'].includes(address)) return `http://localhost:${port}`;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
