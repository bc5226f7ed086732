/** Grid: pictures side by side; each opens, and is a beginning for another search. */

import { settle } from "./focus.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { Item } from "./item.js";
import { Thumbnail, score, timeOf } from "./shown.js";

/**
 * A grid of items.
 * @param {{matches: Array<object>, place?: string, isBusy?: boolean,
 *   onMore?: (key: string) => void, onAdd?: (key: string) => void}} props
 *   `place`: an opened picture is closed when it changes
 */
export function Grid({ matches, place = "", isBusy, onMore, onAdd }) {
  const [opened, set] = useState(null); // by its key: the list may change under it
  const list = useRef(null);
  const openings = useRef(0);
  const at = opened === null ? -1 : matches.findIndex((match) => match.key === opened.key);
  useLayoutEffect(() => set(null), [place]);
  useLayoutEffect(() => {
    if (opened !== null && at < 0) set(null);
  }, [at]);
  const open = (key) => set({ key, opening: (openings.current += 1) });
  const close = (opening) => {
    // A browser tells of it a moment later: by then another one may be open.
    set((now) => (now?.opening === opening ? null : now));
    if (document.activeElement === document.body) settle(list.current);
  };
  return html`
    <ul class="grid" ref=${list} aria-busy=${isBusy ? "true" : undefined}>
      ${matches.map(
        (match) => html`
          <li key=${match.key}>
            <${Cell} match=${match} onOpen=${() => open(match.key)} onMore=${onMore} />
          </li>
        `,
      )}
    </ul>
    ${at >= 0 &&
    html`<${Item} match=${matches[at]} at=${at} count=${matches.length} key=${opened.opening}
      onClose=${() => close(opened.opening)} onMore=${onMore} onAdd=${onAdd}
      onGo=${(next) => set({ ...opened, key: matches[next].key })} />`}
  `;
}

function Cell({ match, onOpen, onMore }) {
  return html`
    <button class="picture" onClick=${onOpen} aria-label="Open ${match.key}">
      <${Thumbnail} name=${match.key} />
    </button>
    <span class="caption">
      ${match.score !== undefined && html`<b>${score(match.score)}</b>`}
      ${match.badge && html`<em>${match.badge}</em>`}
      <span class="name" title=${match.key}>${match.key}</span>
      <time>${timeOf(match.metadata)}</time>
    </span>
    ${onMore &&
    html`<button class="more" aria-label="More like this: ${match.key}" onClick=${() => onMore(match.key)}>
      More like this
    </button>`}
  `;
}
