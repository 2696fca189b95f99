import { type SseTrigger, streamSse } from 'sse-trigger';

const unreadOf = (userId: string) => ({ userId, unread: 2 });
const cartOf = (userId: string) => ({ userId, items: 1 });
const notice = () => 'We close at five.';

export function dashboard(trigger: SseTrigger) {
  return streamSse(trigger, {
    subject: (req) => req.get('x-user'),
    feeds: [
      { eventName: 'bell', key: (userId) => `notifications:${userId}`, data: (userId) => unreadOf(userId) },
      { eventName: 'cart', key: (userId) => `cart:${userId}`, data: (userId) => cartOf(userId) },
      { eventName: 'notice', key: 'notice', data: () => notice() },    // the same for all: runs once
    ],
  });
}
