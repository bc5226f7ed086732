/** Item: one picture, large, with what is known of it. */

import { pathOf } from "./api.js";
import { html, useLayoutEffect, useRef } from "./html.js";
import { Thumbnail, score } from "./shown.js";

const LARGE = 1024; // upright, and of formats that a browser does not know

/** A dialog; Esc closes it, and the arrows go on. */
export function Item({ match, onClose, onMore, onAdd, onBefore, onAfter }) {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    const own = dialog.current;
    own.showModal();
    return () => own.close(); // gives the focus back
  }, []);
  const typed = (event) => {
    const step = { ArrowLeft: onBefore, ArrowRight: onAfter }[event.key];
    if (step) step();
  };
  const { key } = match;
  return html`
    <dialog ref=${dialog} class="item" aria-labelledby="opened" onClose=${onClose} onKeyDown=${typed}
      onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
      <div class="item">
        <div class="bar">
          <h2 id="opened">${key}</h2>
          <button onClick=${() => dialog.current.close()} aria-label="Close">✕</button>
        </div>
        <div class="large"><${Thumbnail} name=${key} size=${LARGE} /></div>
        <p class="deeds">
          ${onBefore && html`<button onClick=${onBefore}>← Before</button>`}
          ${onAfter && html`<button onClick=${onAfter}>Next →</button>`}
          ${onMore && html`<button class="main" onClick=${() => onMore(key)}>More like this</button>`}
          ${onAdd && html`<button onClick=${() => onAdd(key)}>Add to the search</button>`}
          <a href=${pathOf(key, "picture")} target="_blank" rel="noopener">Open the file</a>
        </p>
        <dl>
          ${match.score !== undefined && html`<dt>score</dt><dd>${score(match.score)}</dd>`}
          ${rows(match.metadata).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
        </dl>
      </div>
    </dialog>
  `;
}

/** Return names and values; what lies deeper has dots in its name. */
function rows(metadata, before = "") {
  return Object.entries(metadata ?? {}).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? rows(value, `${before}${name}.`)
      : [[before + name, Array.isArray(value) ? value.join(", ") : `${value}`]],
  );
}
