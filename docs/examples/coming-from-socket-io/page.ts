import type { Page } from '../recipes/parts.ts';

export function page({ EventSource, show }: Page): void {
  new EventSource('/notifications/stream').addEventListener('notifications', ({ data }) => show(JSON.parse(data)));
}
