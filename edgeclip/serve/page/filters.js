/** Filters: when a picture was taken, and in which folder it is. */

import { json, useAsk } from "./api.js";
import { html } from "./html.js";

/** The filters, as a row of fields. */
export function Filters({ place, onChange }) {
  const { answer } = useAsk((signal) => json("/folders", { signal }), []);
  const folders = (answer?.folders ?? []).filter((each) => each.folder !== "");
  const names = new Set(folders.map((each) => each.folder));
  const hasAny = place.from || place.to || place.folder;
  const put = (name) => (event) => onChange({ [name]: event.target.value });
  return html`
    <div class="filters" role="group" aria-label="Filters">
      <label>From <input type="date" value=${place.from} max=${place.to} onChange=${put("from")} /></label>
      <label>To <input type="date" value=${place.to} min=${place.from} onChange=${put("to")} /></label>
      ${(folders.length > 0 || place.folder) &&
      html`
        <label>Folder
          <select value=${place.folder} onChange=${put("folder")}>
            <option value="">all</option>
            ${folders.map(
              ({ folder, count }) => html`<option value=${folder}>${folder} (${count})</option>`,
            )}
            ${place.folder && !names.has(place.folder) &&
            html`<option value=${place.folder}>${place.folder}</option>`}
          </select>
        </label>
      `}
      ${hasAny &&
      html`<button class="quiet" onClick=${() => onChange({ from: "", to: "", folder: "" })}>
        No filters
      </button>`}
    </div>
  `;
}

/** Return the conditions as the service has them; null: none. */
export function whereOf({ from, to, folder }) {
  const where = {};
  if (from || to) {
    where.time = {
      ...(from && { ">=": from }),
      ...(to && { "<": dayAfter(to) }), // the last day belongs to it
    };
  }
  if (folder) where.key = { prefix: `${folder}/` };
  return Object.keys(where).length ? where : null;
}

function dayAfter(day) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}
