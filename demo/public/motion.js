const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** Swings as a bell does. @param {Element} element */
export function ring(element) {
  const swing = [0, 16, -16, 14, -10, 6, -3, 0].map((angle) => ({ rotate: `${angle}deg` }));
  play(element, swing, 1000);
}

/** Lights up for a moment, as what has just changed. @param {Element} element */
export function glow(element) {
  play(element, [{ backgroundColor: 'var(--glow)' }, { backgroundColor: 'transparent' }], 700);
}

/** @param {Element} element @param {Keyframe[]} frames @param {number} duration */
function play(element, frames, duration) {
  if (!calm.matches) element.animate(frames, { duration, easing: 'ease-out' });
}
