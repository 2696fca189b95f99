import { onPress } from './act.js';
import { ask } from './ask.js';
import { followExport } from './export.js';
import { ring } from './motion.js';
import { signOut, signOutEverywhere } from './session.js';

/** @typedef {{ id: number, from: string, text: string, at: string, read: boolean }} Notification */
/** @typedef {{ user: string, unread: number, newest: Notification[] }} Bell newest first */

/**
 * Adds the bell of one user to the page. It shows what the stream says and nothing else: what is done here changes no
 * list by itself.
 *
 * @param {string} user
 */
export function addBell(user) {
  const card = document.getElementById('bell-template').content.firstElementChild.cloneNode(true);
  const heading = card.querySelector('h2');
  const says = card.querySelector('.says');
  const markAll = card.querySelector('.mark-all');
  /** @type {Bell | undefined} */
  let shown;

  heading.textContent = user;
  card.ariaLabel = `The bell of ${user}`;
  const newest = card.querySelector('.newest');
  newest.role = 'list'; // Safari takes one without markers for none
  newest.ariaLabel = `The newest five for ${user}`;
  markAll.ariaDisabled = 'true';
  onPress(card.querySelector('.sign-out'), says, async () => {
    await signOut(user);
    return '';
  });
  onPress(card.querySelector('.sign-out-everywhere'), says, async () => {
    await signOutEverywhere(user);
    return '';
  });
  onPress(markAll, says, async () => {
    await ask('/notifications/read', { user, upTo: shown.newest[0].id });
    return '';
  });
  const stopExport = followExport(card, user);
  document.getElementById('bells').append(card);

  return {
    /** The names that are on it. */
    names: () => shown?.newest.map(({ from }) => from) ?? [],
    unread: () => shown?.unread ?? 0,
    focus: () => heading.focus(),
    hasFocus: () => card.contains(document.activeElement),

    /** @param {Bell} bell */
    show(bell) {
      const newestBefore = shown?.newest[0]?.id ?? 0;
      const rings = shown !== undefined && bell.newest[0]?.id > newestBefore;
      shown = bell;
      showCount(card, bell);
      markAll.ariaDisabled = `${bell.unread === 0}`;
      card.querySelector('.none').hidden = bell.newest.length > 0;
      showNewest(card, bell.newest);
      if (rings) ring(card.querySelector('svg'));
    },

    remove() {
      stopExport();
      card.remove();
    },
  };
}

/** @param {Element} card @param {Bell} bell */
function showCount(card, { user, unread }) {
  card.classList.toggle('unread', unread > 0);
  const badge = card.querySelector('.badge');
  badge.hidden = unread === 0;
  badge.textContent = unread > 99 ? '99+' : unread;
  // Read out when it changes, so it is left alone when it does not.
  const count = card.querySelector('.count');
  const text = `${user}: ${unread} unread`;
  if (count.textContent !== text) count.textContent = text;
}

/**
 * What is in the list already stays there as it is, and so keeps the focus.
 *
 * @param {Element} card @param {Notification[]} newest
 */
function showNewest(card, newest) {
  const list = card.querySelector('.newest');
  const present = new Map([...list.children].map((item) => [Number(item.dataset.id), item]));
  newest.forEach((notification, index) => {
    const item = present.get(notification.id) ?? toItem(notification, card);
    present.delete(notification.id);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    showRead(item, notification.read);
  });
  for (const item of present.values()) leave(item);
}

/** @param {Notification} notification @param {Element} card */
function toItem({ id, from, text, at }, card) {
  const item = document.getElementById('notification-template').content.firstElementChild.cloneNode(true);
  item.dataset.id = id;
  item.querySelector('strong').textContent = from;
  item.querySelector('.text').textContent = text;
  const time = item.querySelector('time');
  time.dateTime = at;
  time.textContent = toLocalTime(new Date(at));
  const button = item.querySelector('button');
  button.ariaLabel = `Mark as read: ${text}`;
  onPress(button, card.querySelector('.says'), async () => {
    await ask(`/notifications/${id}/read`, {});
    return '';
  });
  return item;
}

/** @param {Element} item @param {boolean} read */
function showRead(item, read) {
  const button = item.querySelector('button');
  const hadFocus = document.activeElement === button;
  item.classList.toggle('unread', !read);
  item.querySelector('.dot').hidden = button.hidden = read;
  item.querySelector('.read').hidden = !read;
  if (hadFocus && read) focusNext(item);
}

/** @param {Element} item that leaves the list */
function leave(item) {
  if (item.contains(document.activeElement)) focusNext(item);
  item.remove();
}

/** Whoever goes through the list with the keyboard goes on from there. @param {Element} item */
function focusNext(item) {
  const buttons = [...item.parentElement.querySelectorAll('li.unread button')];
  const others = buttons.filter((button) => !item.contains(button));
  const below = others.find(
    (button) => item.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const next = below ?? others.at(-1) ?? item.closest('section').querySelector('h2');
  next.focus();
}

/** @param {Date} date */
function toLocalTime(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(
    [],
    isToday ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' },
  );
}
