// The form that notifies any user.
import { onSubmit } from './act.js';
import { ask } from './ask.js';

const form = document.getElementById('notify');
const from = document.getElementById('from');

onSubmit(form, async ({ to, text }) => {
  await ask('/notifications', { from: from.value, to, text });
  document.getElementById('text').value = '';
  // Between marks that end whatever direction of writing the name has begun.
  return `\u2068${to}\u2069 was notified.`;
});

/** @param {string[]} users who may send */
export function showSenders(users) {
  const before = [...from.options].map(({ value }) => value);
  // What somebody wrote goes when they go.
  if (before.some((user) => !users.includes(user))) {
    form.reset();
    form.querySelector('output').textContent = '';
  }
  const chosen = from.value;
  from.replaceChildren(...users.map(toOption));
  if (users.includes(chosen)) from.value = chosen;
  document.getElementById('from-field').hidden = users.length < 2;
  form.hidden = users.length === 0;
}

/** @param {Iterable<string>} names that are proposed */
export function showNames(names) {
  document.getElementById('names').replaceChildren(...[...new Set(names)].map(toOption));
}

/** @param {string} name */
function toOption(name) {
  return new Option(name, name);
}
