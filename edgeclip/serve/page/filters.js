/** Filters: when a picture was taken, and in which folder it is. */

import { useField } from "./field.js";
import { Folders } from "./folders.js";
import { html, useEffect, useRef, useState } from "./html.js";

const PAUSE_MS = 700;
const FIRST_YEAR = "1000"; // while a year is typed it is 0002, 0020 and 0202 before
const ROOMY = "(min-width: 700px)";

/**
 * The filters: a row of fields, folded where there is little room.
 * @param {{place: object, items: any, onChange: (part: object, options?: object) => void}} props
 *   `items`: there may be other folders when it changes
 */
export function Filters({ place, items, onChange }) {
  const part = useRef(null);
  const set = [place.from, place.to, place.folder].filter(Boolean).length;
  const clear = () => {
    part.current.querySelector("input").focus(); // the button goes
    onChange({ from: "", to: "", folder: "" });
  };
  const put = (name) => (day) => onChange({ [name]: day }, { replace: true });
  return html`
    <${Fold} set=${set}>
      <div class="filters" role="group" aria-label="Filters" ref=${part}>
        <label>From <${Day} value=${place.from} max=${place.to} onDay=${put("from")} /></label>
        <label>To <${Day} value=${place.to} min=${place.from} onDay=${put("to")} /></label>
        <${Folders} chosen=${place.folder} items=${items} onChange=${(folder) => onChange({ folder })} />
        ${set > 0 && html`<button class="quiet" onClick=${clear}>No filters</button>`}
      </div>
    </${Fold}>
  `;
}

/** Fold something away where there is little room: what is found shall be in sight. */
function Fold({ set, children }) {
  const [isRoomy, note] = useState(() => matchMedia(ROOMY).matches);
  useEffect(() => {
    const room = matchMedia(ROOMY);
    const changed = () => note(room.matches);
    room.addEventListener("change", changed);
    return () => room.removeEventListener("change", changed);
  }, []);
  if (isRoomy) return children;
  return html`
    <details class="fold">
      <summary>Filters${set > 0 && ` (${set} set)`}</summary>
      ${children}
    </details>
  `;
}

/** A day; it is taken when the field is left or nothing was typed for a moment. */
function Day({ value, min, max, onDay }) {
  const field = useField(value);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const take = () => {
    clearTimeout(timer.current);
    const { value: day, validity } = field.current;
    if (day !== value && !validity.badInput) onDay(day);
  };
  const typed = () => {
    clearTimeout(timer.current);
    const { value: day } = field.current;
    if (!day || day >= FIRST_YEAR) timer.current = setTimeout(take, PAUSE_MS);
  };
  return html`
    <input type="date" ref=${field} min=${min || undefined} max=${max || undefined} onInput=${typed}
      onBlur=${take} onKeyDown=${(event) => event.key === "Enter" && take()} />
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
