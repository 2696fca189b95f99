import { type ReverseProxy, startReverseProxy } from './reverse-proxy.ts';

export interface NginxServerOptions {
  /** The port on 127.0.0.1 of what stands behind it. */
  readonly to: number;
  /** Further directives for the location, which wins over what nginx would do by default. */
  readonly location?: string | undefined;
  /** All of the http block, with port 80 or 443 in front of an application on port 3000, in place of a location. */
  readonly site?: string | undefined;
}

function siteWith(location: string): string {
  return `
    upstream app {
      server 127.0.0.1:3000;
      keepalive 1;
    }
    server {
      listen 80;
      location / {
        proxy_pass http://app;
        ${location}
      }
    }`;
}

/** A real nginx, without Debian's configuration: what is not set here is as nginx has it by default. */
export function startNginx({
  to,
  location = '',
  site = siteWith(location),
}: NginxServerOptions): Promise<ReverseProxy> {
  return startReverseProxy({
    name: 'nginx',
    args: (file) => ['-e', 'stderr', '-c', file],
    configuration: ({ port, folder }) => `
      daemon off;
      master_process off;
      pid ${folder}/pid;
      error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path ${folder};
        proxy_temp_path ${folder};
        fastcgi_temp_path ${folder};
        uwsgi_temp_path ${folder};
        scgi_temp_path ${folder};
        ${site.replace(/listen (80|443)\b/, `listen 127.0.0.1:${port}`).replace('127.0.0.1:3000', `127.0.0.1:${to}`)}
      }`,
  });
}
