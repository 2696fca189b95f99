import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line to a server of 127.0.0.1, with a port of its own, until it is disposed of. */
export interface Line extends AsyncDisposable {
  readonly url: string;
  /** Ends all connections for their clients; the server hears nothing of it, as when somebody walks out of the network. */
  cut(): void;
}

export async function startLine(to: number): Promise<Line> {
  const clients = new Set<Socket>();
  const servers = new Set<Socket>();
  const line = createServer((client) => {
    const server = connect(to, '127.0.0.1');
    clients.add(client);
    servers.add(server);
    for (const socket of [client, server]) socket.on('error', () => {});
    client.pipe(server).pipe(client);
    client.on('close', () => clients.delete(client));
    server.on('close', () => servers.delete(server));
  }).listen(0, '127.0.0.1');
  await once(line, 'listening');
  const cut = () => {
    for (const client of clients) client.unpipe().destroy();
  };
  return {
    url: `http://127.0.0.1:${(line.address() as AddressInfo).port}`,
    cut,
    async [Symbol.asyncDispose]() {
      line.close();
      cut();
      for (const server of servers) server.destroy();
      await once(line, 'close');
    },
  };
}
