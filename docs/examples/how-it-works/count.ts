import express from 'express';
import { SseTrigger, streamSse } from 'sse-trigger';

export const app = express();
export const trigger = new SseTrigger();

let count = 0;
app.get('/count/stream', streamSse(trigger, { key: 'count', data: () => count }));

export function saveThousand(): void {
  for (let saves = 0; saves < 1000; saves += 1) {
    count += 1;
    trigger.push('count');
  }
}
