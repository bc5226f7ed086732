/** Terms: pictures and items that are parts of the query, each with its weight. */

import { pathOf } from "./api.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { filesOf, picture, take } from "./pictures.js";

const STEP = 0.5;
const HIGHEST = 10;
const MOST = 16;

/** The chips. */
export function Terms({ terms, onChange }) {
  if (!terms.length) return null;
  const put = (at, weight) =>
    onChange(terms.map((term, i) => (i === at ? { ...term, weight } : term)));
  const drop = (at) => onChange(terms.filter((_, i) => i !== at));
  return html`
    <ul class="terms" aria-label="Pictures in the search">
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
  const isItem = term.kind === "item";
  const name = isItem ? term.name : picture(term.name).name;
  const source = isItem ? pathOf(term.name, "thumbnail?size=64") : picture(term.name).url;
  const typed = (event) => {
    const weight = Number(event.target.value);
    const isGood = weight !== 0 && Math.abs(weight) <= HIGHEST;
    if (isGood) onWeight(weight);
    else event.target.value = term.weight;
  };
  return html`
    <img src=${source} alt="" />
    <span class="name">${name}</span>
    <span class="weight" role="group" aria-label="Weight of ${name}">
      <button aria-label="Less of ${name}" onClick=${() => onWeight(stepped(term.weight, -STEP))}>−</button>
      <input type="number" step="any" min=${-HIGHEST} max=${HIGHEST} value=${term.weight}
        aria-label="Weight of ${name}" onChange=${typed} />
      <button aria-label="More of ${name}" onClick=${() => onWeight(stepped(term.weight, STEP))}>＋</button>
    </span>
    <button aria-label="Remove ${name}" onClick=${onDrop}>✕</button>
  `;
}

/** A weight of nothing is left out: the term would say nothing. */
function stepped(weight, step) {
  const next = Math.round((weight + step) * 100) / 100 || step;
  return Math.max(-HIGHEST, Math.min(HIGHEST, next));
}

/**
 * Take in what is dropped anywhere on the page, pasted or chosen.
 * @param {(terms: Array<object>) => void} onTaken
 */
export function useTaking(onTaken) {
  const [wrong, tell] = useState("");
  const latest = useRef(null);
  latest.current = async (files) => {
    tell("");
    const added = [];
    for (const file of files.slice(0, MOST)) {
      try {
        added.push({ kind: "picture", weight: 1, name: await take(file) });
      } catch (problem) {
        tell(problem.message);
      }
    }
    if (added.length) onTaken(added);
  };
  // As soon as the page is seen: a file that nobody takes would be opened instead of it.
  useLayoutEffect(() => {
    const listeners = { dragover, dragleave, drop, paste };
    for (const [name, listener] of Object.entries(listeners)) {
      document.addEventListener(name, listener);
    }
    return () => {
      for (const [name, listener] of Object.entries(listeners)) {
        document.removeEventListener(name, listener);
      }
    };

    function dragover(event) {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    }
    function dragleave(event) {
      if (!event.relatedTarget) document.body.classList.remove("dropping");
    }
    function drop(event) {
      document.body.classList.remove("dropping");
      const files = filesOf(event.dataTransfer);
      if (!files.length) return;
      event.preventDefault();
      latest.current(files);
    }
    function paste(event) {
      const files = filesOf(event.clipboardData);
      if (files.length) latest.current(files);
    }
  }, []);
  const chosen = (event) => {
    latest.current(filesOf(event.target));
    event.target.value = ""; // the same file may be chosen again
  };
  return { wrong, chosen };
}
