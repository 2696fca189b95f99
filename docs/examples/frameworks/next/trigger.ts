import { SseTrigger } from 'sse-trigger/fetch';

const shared = globalThis as { trigger?: SseTrigger };
shared.trigger ??= new SseTrigger();
export const { trigger } = shared;
