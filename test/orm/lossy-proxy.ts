import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Another port of 127.0.0.1 that leads to a server. */
export interface LossyProxy extends Disposable {
  readonly port: number;
  /** What a client says last: it reaches the server, which answers, but the connection is lost instead of the answer. */
  loses: RegExp | undefined;
}

export async function openLossyProxy(port: number): Promise<LossyProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const onward = connect(port, '127.0.0.1');
    let isLost = false;
    client.on('data', (chunk) => {
      isLost ||= proxy.loses?.test(chunk.toString('latin1')) === true;
      onward.write(chunk);
    });
    onward.on('data', (chunk) => {
      if (isLost) client.destroy();
      else client.write(chunk);
    });
    for (const [end, other] of [
      [client, onward],
      [onward, client],
    ] as const) {
      sockets.add(end);
      end.on('error', () => {});
      end.on('close', () => {
        sockets.delete(end);
        other.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: LossyProxy = {
    port: (server.address() as AddressInfo).port,
    loses: undefined,
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return proxy;
}
