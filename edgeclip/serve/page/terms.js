/** Terms: pictures and items that are parts of the query, each with its weight. */

import { useField } from "./field.js";
import { html, useLayoutEffect, useRef } from "./html.js";
import { picture } from "./pictures.js";
import { Thumbnail } from "./shown.js";

const STEP = 0.5;
const HIGHEST = 10;

/**
 * The chips.
 * @param {{terms: Array<object>, onChange: (terms: Array<object>) => void, onEmpty: () => void}} props
 *   `onEmpty` gets the focus when the last is removed
 */
export function Terms({ terms, onChange, onEmpty }) {
  const list = useRef(null);
  const removed = useRef(null);
  useLayoutEffect(() => {
    if (removed.current === null) return;
    const chips = list.current?.querySelectorAll(".remove") ?? [];
    if (chips.length) chips[Math.min(removed.current, chips.length - 1)].focus();
    else onEmpty();
    removed.current = null;
  }, [terms.length]);
  if (!terms.length) return null;
  const put = (at, weight) =>
    onChange(terms.map((term, i) => (i === at ? { ...term, weight } : term)));
  const drop = (at) => {
    removed.current = at;
    onChange(terms.filter((_, i) => i !== at));
  };
  return html`
    <ul class="terms" ref=${list} aria-label="Pictures in the search">
      ${terms.map(
        (term, at) => html`
          <li key=${`${term.kind}:${term.name}`}>
            <${Term} term=${term} onWeight=${(weight) => put(at, weight)} onDrop=${() => drop(at)} />
          </li>
        `,
      )}
    </ul>
  `;
}

function Term({ term, onWeight, onDrop }) {
  const own = term.kind === "picture" && picture(term.name);
  const name = own ? own.name : term.name;
  const field = useField(term.weight);
  const typed = (event) => {
    const weight = Number(event.target.value);
    const isGood = weight !== 0 && Math.abs(weight) <= HIGHEST;
    if (isGood && weight !== term.weight) onWeight(weight);
    else event.target.value = term.weight;
  };
  return html`
    ${own ? html`<img src=${own.url} alt="" />` : html`<${Thumbnail} name=${name} size=${64} />`}
    <span class="name">${name}</span>
    <span class="weight" role="group" aria-label="Weight of ${name}">
      <button aria-label="Less of ${name}" onClick=${() => onWeight(stepped(term.weight, -STEP))}>−</button>
      <input type="number" step="any" min=${-HIGHEST} max=${HIGHEST} ref=${field}
        aria-label="Weight of ${name}" onChange=${typed} />
      <button aria-label="More of ${name}" onClick=${() => onWeight(stepped(term.weight, STEP))}>＋</button>
    </span>
    <button class="remove" aria-label="Remove ${name}" onClick=${onDrop}>✕</button>
  `;
}

/** A weight of nothing is left out: the term would say nothing. */
function stepped(weight, step) {
  const next = Math.round((weight + step) * 100) / 100 || step;
  return Math.max(-HIGHEST, Math.min(HIGHEST, next));
}
