import { EventSource } from 'eventsource';

export function openWithToken(url: string, token: string): EventSource {
  return new EventSource(url, {
    fetch: (input, init) =>
      fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
  });
}
