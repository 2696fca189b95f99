/**
 * Does `work` each time `button` is pressed, one after the other, and says how it ended. A button that is busy keeps the
 * focus, which one that is disabled would lose.
 *
 * @param {HTMLElement} button
 * @param {HTMLElement} output
 * @param {() => Promise<string>} work gives what to say then
 */
export function onPress(button, output, work) {
  const attempt = oneAtATime(button, output, work);
  button.addEventListener('click', () => {
    if (button.ariaDisabled !== 'true') attempt();
  });
}

/**
 * The same for a form.
 *
 * @param {HTMLFormElement} form
 * @param {(fields: Record<string, string>) => Promise<string>} send gives what to say then
 */
export function onSubmit(form, send) {
  const attempt = oneAtATime(form, form.querySelector('output'), async () => {
    for (const field of form.elements) field.ariaInvalid = null;
    try {
      return await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      showRefused(form, error.message);
      throw error;
    }
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    attempt();
  });
}

/** @param {HTMLElement} element @param {HTMLElement} output @param {() => Promise<string>} work */
function oneAtATime(element, output, work) {
  return async () => {
    if (element.ariaBusy === 'true') return;
    element.ariaBusy = 'true';
    let wrong;
    const says = await work().catch((error) => {
      wrong = error;
      return error.message;
    });
    // First, since what changes in something busy is not read out.
    element.ariaBusy = 'false';
    output.classList.toggle('wrong', wrong !== undefined);
    output.textContent = says;
  };
}

/** The server begins with the name of the field that it refuses. @param {HTMLFormElement} form @param {string} message */
function showRefused(form, message) {
  const field = form.elements.namedItem(message.split(' ')[0]);
  if (field === null) return;
  field.ariaInvalid = 'true';
  field.focus();
}
