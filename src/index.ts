export type { CloseMessage, FrameMessage, OpenMessage, PushMessage, RunMessage } from './diagnostics.ts';
export { SseTriggerError, type SseTriggerErrorCode } from './errors.ts';
export {
  type EventStreamOptions,
  eventStream,
  type Source,
  type SourceRun,
} from './event-stream.ts';
export { encodeEvent, type ServerEvent } from './server-event.ts';
export type { CloseReason, Refusal, Stats, StoreError } from './stats.ts';
export { type Reading, type Store, type StoredVersion, Unanswered } from './store.ts';
export type { Handler } from './stream-handler.ts';
export type { Feed, Run, Sendable, SharedFeed, StreamOptions } from './stream-options.ts';
export { streamSse } from './stream-sse.ts';
export { SseTrigger, type SseTriggerOptions } from './trigger.ts';
