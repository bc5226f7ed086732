/** Taking: what is dropped anywhere on the page, pasted or chosen becomes a part of the search. */

import { kept } from "./asking.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { filesOf, take } from "./pictures.js";
import { go, here } from "./place.js";

export const MOST = 16; // terms that the service takes
export const FULL = `A search holds ${MOST} pictures at most. Remove one first.`;

/**
 * Take pictures in, one after the other.
 * @param {{current: string}} typed what stands in the box now
 * @returns {{isBusy: boolean, wrong: string, tell: (wrong: string) => void, chosen: Function}}
 */
export function useTaking(typed) {
  const [wrong, tell] = useState("");
  const [waiting, wait] = useState(0);
  const own = useRef({ last: Promise.resolve(), visit: 0 }).current;
  own.give = (files) => {
    if (!files.length) return;
    tell("");
    const isElsewhere = here().view !== "search";
    if (isElsewhere) go({ view: "search" });
    const { visit } = own;
    wait((before) => before + 1);
    own.last = own.last.then(async () => {
      const added = await taken(files, tell);
      wait((before) => before - 1);
      // Who has left the search meanwhile is not called back to it.
      if (added.length && visit === own.visit) put(added, typed.current, isElsewhere, tell);
    });
  };
  useLayoutEffect(() => {
    const moved = () => (own.visit += here().view === "search" ? 0 : 1);
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  useLayoutEffect(() => listening((files) => own.give(files)), []);
  const chosen = (event) => {
    own.give(filesOf(event.target));
    event.target.value = ""; // the same file may be chosen again
  };
  return { isBusy: waiting > 0, wrong, tell, chosen };
}

/** What is said of it. */
export function Taken({ taking }) {
  return html`
    <p role="status" class="small">${taking.isBusy && "Reading the picture …"}</p>
    ${taking.wrong && html`<p class="note bad" role="alert">${taking.wrong}</p>`}
  `;
}

/** Return the terms of files; what cannot be read is told. */
async function taken(files, tell) {
  const added = [];
  for (const file of files.slice(0, MOST)) {
    try {
      added.push({ kind: "picture", weight: 1, name: await take(file) });
    } catch (problem) {
      tell(problem.message);
    }
  }
  if (files.length > MOST) tell(FULL);
  return added;
}

/** Add terms to what is searched for now, which may not be what it was when they were dropped. */
function put(added, words, replace, tell) {
  const place = here();
  const terms = kept(place.terms);
  const free = MOST - terms.length;
  if (added.length > free) tell(FULL);
  if (free > 0) {
    go({ ...place, q: words, terms: [...terms, ...added.slice(0, free)], count: "" }, { replace });
  }
}

/** Listen to what is dropped and pasted: a file that nobody takes would be opened by the browser. */
function listening(give) {
  const isField = ({ target }) => target.closest?.("input:not([type=file]), textarea");
  const listeners = {
    dragover(event) {
      const isFile = event.dataTransfer.types.includes("Files");
      if (!isFile && isField(event)) return;
      event.preventDefault();
      if (isFile) document.body.classList.add("dropping");
      else event.dataTransfer.dropEffect = "none"; // a link: it would be gone to
    },
    dragleave(event) {
      if (!event.relatedTarget) document.body.classList.remove("dropping");
    },
    drop(event) {
      document.body.classList.remove("dropping");
      const files = filesOf(event.dataTransfer);
      if (files.length || !isField(event)) event.preventDefault();
      give(files);
    },
    paste: (event) => give(filesOf(event.clipboardData)),
  };
  const pairs = Object.entries(listeners);
  for (const [name, listener] of pairs) document.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of pairs) document.removeEventListener(name, listener);
  };
}
