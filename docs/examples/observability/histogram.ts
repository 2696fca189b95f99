export const recorded: { value: number; labels: Record<string, string> }[] = [];
const histogram = {
  record: (value: number, labels: Record<string, string>) => recorded.push({ value, labels }),
};

import diagnosticsChannel from 'node:diagnostics_channel';
import type { RunMessage } from 'sse-trigger';

diagnosticsChannel.subscribe('sse-trigger:run', (message) => {
  const { route, outcome, durationMs } = message as RunMessage;
  histogram.record(durationMs, { route, outcome });
});
