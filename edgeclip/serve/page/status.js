/** Status: which model answers, and what the index holds. */

import { json } from "./api.js";
import { html, useEffect, useState } from "./html.js";
import { useLink } from "./link.js";

const EVERY_MS = 10_000;
const BUSY_MS = 2000;
const PATIENCE_MS = 20_000;

/** Return what the service tells of itself, anew every few seconds; null: nothing yet. */
export function useStatus() {
  const { gone, locked, round } = useLink();
  const [model, set] = useState(null);
  useEffect(() => {
    if (gone || locked) return undefined;
    let timer;
    const end = new AbortController();
    const look = async () => {
      let told = null;
      try {
        if (!document.hidden) told = await json("/model", { signal: end.signal, patience: PATIENCE_MS });
      } catch {
        // The link knows, and says so.
      }
      if (end.signal.aborted) return;
      if (told) set(told);
      timer = setTimeout(look, isBusy(told) ? BUSY_MS : EVERY_MS);
    };
    look();
    return () => {
      end.abort();
      clearTimeout(timer);
    };
  }, [gone, locked, round]);
  return model;
}

/** Return how far the indexing of a folder is, by whatever process does it; null: none is. */
export const progressOf = (model) => model?.progress ?? null;

const isBusy = (model) => model?.search_by === "building" || progressOf(model) !== null;

/** Show it in a line. */
export function Status({ model }) {
  if (!model) return html`<p class="status">…</p>`;
  const items = model.items === null ? "no index" : pictures(model.items);
  const progress = progressOf(model);
  return html`
    <p class="status" title="edgeclip ${model.version}, searched by ${model.search_by ?? "nothing"}">
      ${model.name} · ${items}
      ${model.search_by === "building" &&
      html` · building the search
        <progress aria-label="Building the search"></progress>`}
      ${progress && html`<${Progress} ...${progress} />`}
    </p>
  `;
}

function Progress({ done, total }) {
  const words = total ? `${count(done)} of ${count(total)}` : count(done);
  return html`
    ${" "}· indexing a folder: ${words}${" "}
    <progress aria-label="Indexing a folder" max=${total || undefined} value=${total ? done : undefined}>
    </progress>
  `;
}

const count = (number) => number.toLocaleString("en");

/** Say how many pictures: "1,234 pictures". */
export const pictures = (number) => `${count(number)} ${number === 1 ? "picture" : "pictures"}`;
