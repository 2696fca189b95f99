// Plain JavaScript over Node's built-ins, like start.js.
import { fork } from 'node:child_process';

/** npm hands on a Ctrl-C that the terminal has sent to all processes by itself: within so many ms it is the same one. */
const ECHO = 250;

/**
 * Keeps a server running in a process of its own. One that hands something over (a message, then an exit with 0) has
 * asked for another one in its place, which gets that as its first message. Any other end of it is the end of this process
 * too. A signal ends both: the server at leisure, which has a deadline, and at once when a second one comes.
 *
 * @param {string} server the server's file
 */
export function keepRunning(server) {
  /** @type {import('node:child_process').ChildProcess} */
  let child;
  /** When the first signal came. @type {number | undefined} */
  let stoppingSince;

  /** @param {unknown} [handover] of the one before */
  function start(handover) {
    /** @type {unknown} */
    let next;
    child = fork(server);
    // If it has ended by now, that shows below.
    child.send({ handover }, () => {});
    child.on('message', (message) => {
      next = message;
    });
    // Not 'exit', which may come before the last message.
    child.on('close', (code) => {
      if (code === 0 && next !== undefined && stoppingSince === undefined) start(next);
      else process.exit(code ?? 1);
    });
    // Of a child that was disconnected from there is no 'close', and no message either.
    child.on('exit', (code) => {
      if (stoppingSince !== undefined) process.exit(code ?? 0);
    });
  }

  function stop() {
    if (stoppingSince === undefined) {
      stoppingSince = performance.now();
      // To the server it is the same whether this process wants an end or has come to its own.
      if (child.connected) child.disconnect();
    } else if (performance.now() - stoppingSince > ECHO) {
      child.kill('SIGKILL');
      process.exit(1);
    }
  }

  process.on('SIGINT', stop).on('SIGTERM', stop);
  start();
}
