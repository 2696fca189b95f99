import { type ReverseProxy, startReverseProxy } from './reverse-proxy.ts';

export interface HaproxyServerOptions {
  /** The port on 127.0.0.1 of what stands behind it. */
  readonly to: number;
  /** With port 80 or 443 in front of an application on port 3000. */
  readonly site: string;
}

/** `timeout` is for how many seconds both client and server may be silent. */
export function haproxySite(timeout: number): string {
  return `
defaults
  mode http
  timeout connect ${timeout}s
  timeout client ${timeout}s
  timeout server ${timeout}s
listen app
  bind :80
  server app 127.0.0.1:3000
`;
}

/** A real HAProxy. It has no timeouts by itself, and complains where none are set. */
export function startHaproxy({ to, site }: HaproxyServerOptions): Promise<ReverseProxy> {
  return startReverseProxy({
    name: 'haproxy',
    args: (file) => ['-db', '-f', file],
    configuration: ({ port }) =>
      site.replace(/bind :(80|443)\b/, `bind 127.0.0.1:${port}`).replace('127.0.0.1:3000', `127.0.0.1:${to}`),
  });
}
