/** Shown: small things that are shown in several places. */

import { pathOf } from "./api.js";
import { html, useState } from "./html.js";

/** A small picture, or a word where the service has none. */
export function Thumbnail({ name, size = 256 }) {
  const [missing, miss] = useState("");
  if (missing === name) return html`<span class="missing">no picture</span>`;
  return html`
    <img src=${pathOf(name, `thumbnail?size=${size}`)} alt="" loading="lazy" decoding="async"
      onError=${() => miss(name)} />
  `;
}

/** Show a cosine. */
export const score = (value) => (value === null || value === undefined ? "" : value.toFixed(3));

/** Show a time as it is written: the clock of the camera, without a zone. */
export function timeOf(metadata) {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(metadata?.time ?? "") ?? [];
  return day ? `${day} ${time}` : "";
}
