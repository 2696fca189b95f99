import { type Channel, channel } from 'node:diagnostics_channel';
import type { CloseReason } from './stats.ts';

/** On `sse-trigger:push`, when it is known what became of a push. */
export interface PushMessage {
  readonly keys: readonly string[];
  /** What `push` gave. */
  readonly stored: boolean;
  readonly durationMs: number;
}

/** On `sse-trigger:run`, when a call of `data` is over. */
export interface RunMessage {
  /** The route's path as Express knows it. */
  readonly route: string;
  readonly keys: readonly string[];
  /** 'late' after `dataTimeout`, 'abandoned' when the last stream left meanwhile. */
  readonly outcome: 'done' | 'failed' | 'late' | 'abandoned';
  readonly durationMs: number;
}

/** On `sse-trigger:frame`, for each frame that is written to a stream. */
export interface FrameMessage {
  readonly route: string;
  readonly bytes: number;
}

/** On `sse-trigger:open`, when a stream opens, before its first bytes. */
export interface OpenMessage {
  readonly route: string;
}

/** On `sse-trigger:close`, once for each stream that was opened. */
export interface CloseMessage {
  readonly route: string;
  readonly reason: CloseReason;
  /** For how long it was open. */
  readonly durationMs: number;
}

/** What a running process tells whoever listens. Ask `hasSubscribers` first, so that nobody listening costs nothing. */
export const diagnostics = {
  push: channel('sse-trigger:push'),
  run: channel('sse-trigger:run'),
  frame: channel('sse-trigger:frame'),
  open: channel('sse-trigger:open'),
  close: channel('sse-trigger:close'),
} as const satisfies Record<string, Channel>;
