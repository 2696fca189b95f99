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
  const attempt = oneAtATime(form, form.querySelector('output'), () =>
    send(Object.fromEntries(new FormData(form))),
  );
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
    output.classList.remove('wrong');
    try {
      output.textContent = await work();
    } catch (error) {
      output.classList.add('wrong');
      output.textContent = error.message;
    }
    element.ariaBusy = 'false';
  };
}
