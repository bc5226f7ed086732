/** Folders: a list for each level, down to the one that is chosen and those within it. */

import { json, useAsk } from "./api.js";
import { html } from "./html.js";
import { escaped } from "./names.js";

/**
 * The lists.
 * @param {{chosen: string, items: any, onChange: (folder: string) => void}} props
 *   `chosen`: empty: all; `items`: there may be others when it changes
 */
export function Folders({ chosen, items, onChange }) {
  const parts = chosen ? chosen.split("/") : [];
  const upTo = (depth) => parts.slice(0, depth).join("/");
  return [...parts, ""].map(
    (_, depth) => html`
      <${Level} key=${depth} below=${upTo(depth)} items=${items} onChange=${onChange}
        chosen=${depth < parts.length ? upTo(depth + 1) : ""} />
    `,
  );
}

function Level({ below, chosen, items, onChange }) {
  const asking = (signal) => json(`/folders?below=${escaped(below)}`, { signal });
  const { answer } = useAsk(asking, [below, items]);
  const folders = (answer?.folders ?? []).filter(({ folder }) => folder !== "");
  const isListed = folders.some(({ folder }) => folder === chosen);
  if (!folders.length && !chosen) return null;
  const left = answer ? answer.total - answer.folders.length : 0;
  return html`
    <label>${below ? `In ${below}` : "Folder"}
      <select value=${chosen || below} onChange=${(event) => onChange(event.target.value)}>
        <option value=${below}>all</option>
        ${folders.map(({ folder, count }) => html`
          <option key=${folder} value=${folder}>${nameOf(folder)} (${count.toLocaleString("en")})</option>
        `)}
        ${chosen && !isListed && html`<option value=${chosen}>${nameOf(chosen)}</option>`}
        ${left > 0 && html`<option disabled>${left} more are not listed</option>`}
      </select>
    </label>
  `;
}

const nameOf = (folder) => folder.slice(folder.lastIndexOf("/") + 1);
