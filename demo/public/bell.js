// The whole page. It shows what the stream says and nothing else: a form that was sent changes no list by itself.

const RETRY = 2000;

/** @param {string} id */
const element = (id) => document.getElementById(id);

/** @type {EventSource | undefined} */
let stream;
/** The id of the newest notification that shows; undefined before the first frame. @type {number | undefined} */
let newestId;

/** Shows what fits who is signed in. */
async function start() {
  stream?.close();
  try {
    const { name } = await ask('/session');
    open(name);
  } catch {
    setTimeout(start, RETRY);
  }
}

/** @param {string | null} name */
function open(name) {
  element('signed-out').hidden = name !== null;
  element('signed-in').hidden = element('account').hidden = name === null;
  element('user').textContent = name;
  // Nothing of whoever was here before; what there is comes with the first frame.
  show({ unread: 0, newest: [] });
  element('none').hidden = true;
  newestId = undefined;
  if (name === null) element('name').focus();
  else listen();
}

function listen() {
  stream = new EventSource('/notifications/stream');
  stream.addEventListener('notifications', ({ data }) => show(JSON.parse(data)));
  stream.addEventListener('open', () => showConnection(true));
  stream.addEventListener('error', () => {
    showConnection(false);
    // The browser comes back by itself unless it was refused; then perhaps nobody is signed in any more.
    if (stream.readyState === EventSource.CLOSED) setTimeout(start, RETRY);
  });
}

/** @param {boolean} live */
function showConnection(live) {
  element('connection').textContent = live ? 'Live' : 'Connecting …';
  element('connection').classList.toggle('live', live);
}

/** @param {{ unread: number, newest: { id: number, from: string, text: string, at: string }[] }} bell */
function show({ unread, newest }) {
  element('count').textContent = unread;
  element('unread').hidden = element('mark-read').hidden = unread === 0;
  element('none').hidden = newest.length > 0;
  document.title = unread > 0 ? `(${unread}) The bell` : 'The bell';
  // Reading goes from the newest down, so it is always the first ones that are unread.
  element('newest').replaceChildren(...newest.map((one, index) => toItem(one, index < unread)));
  const previous = newestId;
  newestId = newest[0]?.id ?? 0;
  if (previous !== undefined && newestId > previous) ring();
}

/** @param {{ from: string, text: string, at: string }} notification @param {boolean} fresh */
function toItem({ from, text, at }, fresh) {
  const item = element('notification').content.firstElementChild.cloneNode(true);
  item.classList.toggle('fresh', fresh);
  item.querySelector('strong').textContent = from;
  item.querySelector('.text').textContent = text;
  const time = item.querySelector('time');
  time.dateTime = at;
  time.textContent = new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  return item;
}

function ring() {
  const bell = element('bell');
  bell.classList.remove('ringing');
  bell.getBoundingClientRect(); // makes the browser notice, so that the animation starts anew
  bell.classList.add('ringing');
}

/**
 * Gives the answer. Throws what is wrong, in words for people.
 *
 * @param {string} path @param {object} [body] is posted
 */
async function ask(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const post = body && { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(path, { cache: 'no-store', ...post }).catch(() => {
    throw new Error('The server cannot be reached.');
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? 'Something went wrong on the server.');
  return answer;
}

/** @param {string} id @param {(fields: Record<string, string>) => Promise<string>} send gives what to say then */
function onSubmit(id, send) {
  const form = element(id);
  const button = form.querySelector('button');
  const output = form.querySelector('output');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    output.className = output.textContent = '';
    try {
      output.textContent = await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      output.className = 'wrong';
      output.textContent = error.message;
    }
    button.disabled = false;
  });
}

onSubmit('sign-in', async ({ name }) => {
  const signedIn = await ask('/sign-in', { name });
  open(signedIn.name);
  return '';
});

onSubmit('notify', async ({ to, text }) => {
  await ask('/notifications', { to, text });
  element('text').value = '';
  return `${to} was notified.`;
});

// What the page shows stays true when these fail, but perhaps nobody is signed in any more.
element('mark-read').addEventListener('click', () =>
  ask('/notifications/read', { upTo: newestId }).catch(start),
);
element('sign-out').addEventListener('click', () => ask('/sign-out', {}).then(start, start));

start();
