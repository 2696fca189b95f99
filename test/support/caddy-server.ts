import { type ReverseProxy, startReverseProxy } from './reverse-proxy.ts';

export interface CaddyServerOptions {
  /** The port on 127.0.0.1 of what stands behind it. */
  readonly to: number;
  /** With port 80 or 443 in front of an application on port 3000. */
  readonly site: string;
}

/** A real Caddy that keeps its things in a folder of the test's, and takes no orders over its port for that. */
export function startCaddy({ to, site }: CaddyServerOptions): Promise<ReverseProxy> {
  return startReverseProxy({
    name: 'caddy',
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    configuration: ({ port }) => `
{
	admin off
	auto_https disable_redirects
}
${site
  .replace(':80 {', `http://127.0.0.1:${port} {\n\tbind 127.0.0.1`)
  .replace(':443 {', `https://127.0.0.1:${port} {\n\tbind 127.0.0.1`)
  .replace('127.0.0.1:3000', `127.0.0.1:${to}`)}
`,
  });
}
