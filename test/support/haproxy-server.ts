import { type ReverseProxy, startReverseProxy } from './reverse-proxy.ts';

export interface HaproxyServerOptions {
  /** The port on 127.0.0.1 of what stands behind it. */
  readonly to: number;
  /** How many seconds both client and server may be silent. */
  readonly timeout: number;
}

/** A real HAProxy. It has no timeouts by itself, and complains where none are set. */
export function startHaproxy({ to, timeout }: HaproxyServerOptions): Promise<ReverseProxy> {
  return startReverseProxy({
    name: 'haproxy',
    args: (file) => ['-db', '-f', file],
    configuration: ({ port }) => `
defaults
  mode http
  timeout connect ${timeout}s
  timeout client ${timeout}s
  timeout server ${timeout}s
listen app
  bind 127.0.0.1:${port}
  server app 127.0.0.1:${to}
`,
  });
}
