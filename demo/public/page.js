import { onSubmit } from './act.js';
import { addBell } from './bell.js';
import { closeBells, openBells } from './bells.js';
import { openBonnet } from './bonnet.js';
import { showNames, showSenders } from './notify.js';
import { askSession, followSession, signIn } from './session.js';
import { forgetWire } from './wire.js';

const MOST_USERS = 4;

const signInForm = document.getElementById('sign-in');
const addForm = document.getElementById('add');
/** By the user's name. @type {Map<string, ReturnType<typeof addBell>>} */
const bells = new Map();

/** @param {string[]} users who are signed in on this screen */
function showUsers(users) {
  const hadFocus = [...bells.values()].some((bell) => bell.hasFocus());
  for (const [user, bell] of bells) {
    if (users.includes(user)) continue;
    bell.remove();
    bells.delete(user);
    forgetWire(); // what was theirs
  }
  for (const user of users) if (!bells.has(user)) bells.set(user, addBell(user));

  signInForm.hidden = users.length > 0;
  document.getElementById('bells').hidden = users.length === 0;
  addForm.hidden = users.length === 0 || users.length >= MOST_USERS;
  showSenders(users);
  showSum();
  // The session has a new id, which the open streams do not know.
  if (users.length > 0) openBells(showBells);
  else closeBells();
  openBonnet();
  if (hadFocus && document.activeElement === document.body) focusFirst();
}

/** @param {import('./bell.js').Bell[]} shown */
function showBells(shown) {
  // Somebody was signed out elsewhere.
  if (shown.length !== bells.size) askSession();
  for (const bell of shown) bells.get(bell.user)?.show(bell);
  showSum();
}

function showSum() {
  const all = [...bells.values()];
  const unread = all.reduce((sum, bell) => sum + bell.unread(), 0);
  document.title = unread > 0 ? `(${unread}) The bell` : 'The bell';
  showNames([...bells.keys(), ...all.flatMap((bell) => bell.names())]);
}

function focusFirst() {
  const [first] = bells.values();
  if (first === undefined) document.getElementById('name').focus();
  else first.focus();
}

for (const form of [signInForm, addForm]) {
  onSubmit(form, async ({ name }) => {
    await signIn(name);
    form.reset();
    bells.get(name.trim())?.focus();
    return '';
  });
}

followSession(showUsers);
