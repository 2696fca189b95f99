import { SseTrigger } from 'sse-trigger';

export const trigger = new SseTrigger();
