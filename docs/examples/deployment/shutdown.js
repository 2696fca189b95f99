/**
 * Has a process end by itself upon SIGTERM.
 *
 * @param {object} parts
 * @param {import('node:http').Server} parts.server
 * @param {Pick<import('sse-trigger').SseTrigger, 'drain' | 'close'>} parts.trigger
 * @param {import('ioredis').Redis} parts.redis
 */
export function endUponSigterm({ server, trigger, redis }) {
  process.once('SIGTERM', async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    await trigger.drain(10_000);         // ends the streams one by one, not all in one moment
    setTimeout(() => server.closeAllConnections(), 5_000).unref();  // Node waits for those that never carried a request
    await closed;
    await trigger.close();               // writes the last pushes
    redis.disconnect();
  });
}
