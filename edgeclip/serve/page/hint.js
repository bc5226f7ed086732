/** Hint: what the coach says of the words, while they are typed. */

import { post } from "./api.js";
import { useKeptFocus } from "./focus.js";
import { html, useEffect, useRef, useState } from "./html.js";

const PAUSE_MS = 400;

/** Return what the coach says of words, once nothing was typed for a moment; null: nothing yet. */
function useAdvice(query) {
  const [advice, set] = useState(null);
  useEffect(() => {
    const end = new AbortController();
    const look = async () => {
      try {
        set(query.trim() ? await post("/coach", { query }, end.signal) : null);
      } catch {
        if (!end.signal.aborted) set(null); // half a sum is no query yet
      }
    };
    const timer = setTimeout(look, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, [query]);
  return advice;
}

/** The hint under the box; `onTake` gets the words that can be held. */
export function Hint({ query, onTake }) {
  const advice = useAdvice(query);
  const part = useRef(null);
  useKeptFocus(
    () => part.current,
    () => part.current?.closest('[tabindex="-1"]'),
  );
  const limits = advice?.limits ?? [];
  const rewrite = advice?.rewrite ?? limits.find((each) => each.rewrite)?.rewrite;
  return html`
    <div id="hint" ref=${part} role="status" class=${limits.length ? "note hint" : ""}>
      ${limits.map((limit) => html`<${Limit} limit=${limit} key=${limit.kind} />`)}
      ${limits.length > 0 && rewrite &&
      html`<button type="button" onClick=${() => onTake(rewrite)}>Search for “${rewrite}”</button>`}
    </div>
  `;
}

function Limit({ limit }) {
  return html`
    <p>${limit.why}</p>
    ${limit.instead.length > 0 &&
    html`
      <details>
        <summary>What can do it</summary>
        <ul>${limit.instead.map((each) => html`<li>${each}</li>`)}</ul>
      </details>
    `}
  `;
}
