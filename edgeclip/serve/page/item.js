/** Item: one picture, large, with what is known of it. */

import { json, pathOf, useAsk } from "./api.js";
import { useKeptFocus } from "./focus.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { Thumbnail, score, text } from "./shown.js";

const LARGE = 1024; // upright, and of formats that a browser does not know
const DEEPEST = 4;

/**
 * A dialog; Esc closes it, and the arrows go on.
 * @param {{match: object, at: number, count: number, onClose: () => void,
 *   onGo: (at: number) => void, onMore?: (key: string) => void, onAdd?: (key: string) => void}} props
 *   `at` is its place among `count`, from 0
 */
export function Item({ match, at, count, onClose, onGo, ...deeds }) {
  const { key } = match;
  const dialog = useRef(null);
  const closing = useRef(null);
  const step = (by) => at + by >= 0 && at + by < count && onGo(at + by);
  const file = useFile(key);
  useModal(dialog, closing, step);
  const close = () => dialog.current.close();
  return html`
    <dialog ref=${dialog} class="item" aria-labelledby="opened" onClose=${onClose}
      onClick=${(event) => event.target === dialog.current && close()}>
      <div class="item">
        <div class="bar">
          <h2 id="opened">${key}</h2>
          <button ref=${closing} onClick=${close} aria-label="Close">✕</button>
        </div>
        <${News} now=${`${key}, ${at + 1} of ${count}`} />
        <${Large} key=${key} name=${key} file=${file} />
        <p class="deeds">
          <${Step} can=${at > 0} onClick=${() => step(-1)}>← Before</${Step}>
          <${Step} can=${at < count - 1} onClick=${() => step(1)}>Next →</${Step}>
          <${Deeds} name=${key} file=${file} onDone=${close} ...${deeds} />
        </p>
        <${Facts} match=${match} />
      </div>
    </dialog>
  `;
}

/** Show a dialog above all else, and let the arrows step, wherever the focus is in it. */
function useModal(dialog, closing, step) {
  useKeptFocus(
    () => dialog.current,
    () => closing.current,
  );
  const latest = useRef(step);
  latest.current = step;
  useLayoutEffect(() => {
    const own = dialog.current;
    const typed = (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const isBare = !event.altKey && !event.ctrlKey && !event.metaKey; // Alt and ← is Back
      if (by && isBare && !event.target.closest?.(".whole")) latest.current(by);
    };
    own.showModal();
    document.addEventListener("keydown", typed);
    return () => {
      document.removeEventListener("keydown", typed);
      own.close(); // gives the focus back
    };
  }, []);
}

/** Return whether there is a file of an item (undefined: nobody knows yet), and whether to show it. */
function useFile(key) {
  const [known, know] = useState({});
  const [whole, show] = useState(null);
  return {
    isThere: known.key === key ? known.isThere : undefined,
    know: (isThere) => know({ key, isThere }),
    isWhole: whole === key,
    toggle: () => show(whole === key ? null : key),
  };
}

/** Tell what has changed in the dialog: a screen reader says only what it opened with. */
function News({ now }) {
  const [said, say] = useState("");
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) say(now);
    isFirst.current = false;
  }, [now]);
  return html`<p role="status" class="unseen">${said}</p>`;
}

function Large({ name, file }) {
  const [isOdd, note] = useState(false);
  const whole = file.isWhole && !isOdd;
  return html`
    ${whole &&
    html`<div class="whole" tabindex="0" role="region" aria-label="The file in its own size">
      <img src=${pathOf(name, "picture")} alt="" onError=${() => note(true)} />
    </div>`}
    <div class="large" hidden=${whole}>
      <${Thumbnail} name=${name} size=${LARGE} isLarge onKnown=${file.know} />
    </div>
    <p role="status" class="small">
      ${file.isWhole && isOdd && "This browser cannot show the file itself, so this is a copy of it."}
    </p>
  `;
}

/** A button that stays when there is nothing more: a removed one would take the focus with it. */
const Step = ({ can, onClick, children }) => html`
  <button aria-disabled=${can ? undefined : "true"} onClick=${onClick}>${children}</button>
`;

function Deeds({ name, file, onDone, onMore, onAdd }) {
  // What a deed shows is behind the dialog, so that is closed before.
  const act = (deed) => () => {
    onDone();
    deed(name);
  };
  return html`
    ${onMore && html`<button class="main" onClick=${act(onMore)}>More like this</button>`}
    ${onAdd && html`<button onClick=${act(onAdd)}>Add to the search</button>`}
    ${file.isThere !== false &&
    html`<button aria-pressed=${file.isWhole ? "true" : "false"}
      aria-disabled=${file.isThere ? undefined : "true"}
      onClick=${() => file.isThere && file.toggle()}>Full size</button>`}
  `;
}

/** What is known of it; what the list did not bring is asked for. */
function Facts({ match: { key, score: cosine, badge, metadata } }) {
  const isLacking = metadata === undefined;
  const { answer } = useAsk(isLacking ? (signal) => json(pathOf(key), { signal }) : null, [key]);
  const known = isLacking && answer?.key === key ? answer.metadata : metadata;
  return html`
    <dl>
      ${cosine !== undefined && html`<dt>score</dt><dd>${score(cosine)}</dd>`}
      ${badge && html`<dt>in its set</dt><dd>${badge}</dd>`}
      ${rows(known).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
    </dl>
  `;
}

/** Return names and values; what lies deeper has dots in its name. */
function rows(metadata, before = "", depth = 1) {
  return Object.entries(metadata ?? {}).flatMap(([name, value]) => {
    const isDeeper = value !== null && typeof value === "object" && !Array.isArray(value);
    if (isDeeper && depth < DEEPEST) return rows(value, `${before}${name}.`, depth + 1);
    return [[before + name, Array.isArray(value) ? value.map(text).join(", ") : text(value)]];
  });
}
