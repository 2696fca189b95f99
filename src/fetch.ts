export type { CloseMessage, FrameMessage, OpenMessage, PushMessage, RunMessage } from './diagnostics.ts';
export { SseTriggerError, type SseTriggerErrorCode } from './errors.ts';
export { encodeEvent, type ServerEvent } from './server-event.ts';
export type { CloseReason, Refusal, Stats, StoreError } from './stats.ts';
export { type Reading, type Store, type StoredVersion, Unanswered } from './store.ts';
export type { Feed, Run, Sendable, SharedFeed } from './stream-options.ts';
export { type StreamOptions, streamOptions, streamResponse } from './stream-response.ts';
export { SseTrigger, type SseTriggerOptions } from './trigger.ts';
