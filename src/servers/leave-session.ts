import type { IncomingMessage } from 'node:http';

/**
 * express-session writes its whole copy of the session back when the response ends, hours later with a stream and seconds
 * later where `authorize` takes its time, and may so undo a logout. Without an id it leaves the store alone. To be called
 * when the head has gone out, and with it perhaps a cookie.
 */
export function leaveSession(req: IncomingMessage & { sessionID?: string | undefined }): void {
  if (req.sessionID !== undefined) req.sessionID = undefined;
}
