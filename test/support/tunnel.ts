import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline, Transform } from 'node:stream';

/** Another port of 127.0.0.1 that leads to a server. */
export interface Tunnel {
  readonly port: number;
  /** How many connections it has been asked for. */
  readonly asked: number;
  /** How many milliseconds longer the way to the server takes. At first 0. */
  delay: number;
  /** What is not let through, with all that comes after it on the same connection. At first nothing. */
  stops: RegExp | undefined;
  close(): void;
}

export async function openTunnel(port: number): Promise<Tunnel> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    tunnel.asked += 1;
    const onward = connect(port, '127.0.0.1');
    pipeline(socket, detour(tunnel), onward, socket, () => {});
    for (const end of [socket, onward]) sockets.add(end);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const tunnel = {
    port: (server.address() as AddressInfo).port,
    asked: 0,
    delay: 0,
    stops: undefined as RegExp | undefined,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return tunnel;
}

function detour(tunnel: Tunnel): Transform {
  let isStopped = false;
  return new Transform({
    transform(chunk: Buffer, _, pass) {
      isStopped ||= tunnel.stops?.test(chunk.toString('latin1')) === true;
      if (isStopped) pass();
      else if (tunnel.delay === 0) pass(null, chunk);
      else setTimeout(() => pass(null, chunk), tunnel.delay).unref();
    },
  });
}
