import { Agent, request } from 'node:http';
import { firstChildOf, NCHAN, startNginx } from '../programs.ts';
import { usageOf } from '../usage.ts';
import type { Contestant } from './contestant.ts';

/** nginx with the module nchan, on one worker. It keeps the last row of a channel for those that come. */
export const nchan: Contestant = {
  name: 'nchan',
  protocol: 'event-stream',
  needs: NCHAN,

  async serve({ port, heartbeat }) {
    const program = await startNginx(
      port,
      `
    nchan_channel_id $arg_key;
    nchan_message_buffer_length 1;
    nchan_message_timeout 0;
    location /stream { nchan_subscriber eventsource; nchan_eventsource_ping_interval ${heartbeat / 1000}; }
    location /publish { nchan_publisher; }`,
    );
    const worker = await firstChildOf(program.pid);
    return { port: program.port, usage: () => usageOf(worker), end: () => program.end() };
  },

  publisher(_, port) {
    const agent = new Agent({ keepAlive: true });
    return { publish: (key, row) => post(agent, port, `/publish?key=${key}`, row) };
  },
};

function post(agent: Agent, port: number, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Length': Buffer.byteLength(body) };
    request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
      if (response.statusCode! >= 300) reject(new Error(`nchan answered ${response.statusCode}`));
      response.resume().once('end', resolve);
    })
      .once('error', reject)
      .end(body);
  });
}
