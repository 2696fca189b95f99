// Who is signed in on this screen. All tabs of this browser share it.
import { ask } from './ask.js';

/** Milliseconds after which the server is asked again. */
const AGAIN = 2000;

const otherTabs = new BroadcastChannel('bell session');
/** Answers may overtake each other: only that to the latest question counts. */
let latest = 0;
/** @type {(users: string[]) => void} */
let show;

/**
 * Asks who is signed in, and again whenever another tab says that this has changed.
 *
 * @param {(users: string[]) => void} showUsers
 */
export function followSession(showUsers) {
  show = showUsers;
  otherTabs.addEventListener('message', askSession);
  askSession();
}

export async function askSession() {
  const question = ++latest;
  try {
    const { users } = await ask('/session');
    if (question === latest) show(users);
  } catch {
    if (question === latest) askSessionSoon();
  }
}

/** For when the server is away, or has refused a stream: perhaps nobody is signed in any more. */
export function askSessionSoon() {
  const question = ++latest;
  setTimeout(() => {
    if (question === latest) askSession();
  }, AGAIN);
}

/** @param {string} name */
export function signIn(name) {
  return change('/sign-in', name);
}

/** @param {string} name */
export function signOut(name) {
  return change('/sign-out', name);
}

/** On all screens. @param {string} name */
export function signOutEverywhere(name) {
  return change('/sign-out-everywhere', name);
}

/** @param {string} path @param {string} name */
async function change(path, name) {
  const { users } = await ask(path, { name });
  latest++;
  show(users);
  otherTabs.postMessage(path);
}
