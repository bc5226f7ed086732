/** Search: the box, what is added to it, and what is found. */

import { post, json, useAsk } from "./api.js";
import { Filters, whereOf } from "./filters.js";
import { Hint } from "./hint.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { picture } from "./pictures.js";
import { format, go } from "./place.js";
import { Results } from "./results.js";
import { NoIndex } from "./said.js";
import { Terms, useTaking } from "./terms.js";

const FIRST = 24;
const MOST = 1000;

/** The view. */
export function Search({ place, model }) {
  const [words, setWords] = useState(place.q);
  const found = useRef(null);
  useEffect(() => setWords(place.q), [place.q]);
  const terms = place.terms.filter((term) => term.kind === "item" || picture(term.name));
  const lost = place.terms.length - terms.length;
  const change = (part, options) => go({ ...place, q: words, terms, ...part }, options);
  const taking = useTaking((added) => change({ terms: [...terms, ...added], count: "" }));
  const count = Math.min(Number(place.count) || FIRST, MOST);
  const told = useAsk(
    model?.items === null ? null : (signal) => looked(place, terms, count, signal),
    [format(place), model?.items === null],
  );
  const submit = (event) => {
    event.preventDefault();
    change({ count: "" });
  };
  const more = (key) => {
    setWords("");
    go({ ...place, q: "", terms: [{ kind: "item", weight: 1, name: key }], count: "" });
    found.current?.focus();
  };
  const add = (key) => {
    const others = terms.filter((term) => term.kind !== "item" || term.name !== key);
    change({ terms: [...others, { kind: "item", weight: 1, name: key }], count: "" });
  };
  const rewrite = (text) => {
    setWords(text);
    go({ ...place, terms, q: text, count: "" });
  };
  if (model?.items === null) return html`<${NoIndex} />`;
  return html`
    <${Box} words=${words} onWords=${setWords} onSubmit=${submit} onChosen=${taking.chosen} />
    <p id="how" class="small">
      Words, or a sum: <code>2:beach - people</code>. Drop or paste a picture to add it.
    </p>
    <${Hint} query=${words} onTake=${rewrite} />
    ${taking.wrong && html`<p class="note bad" role="alert">${taking.wrong}</p>`}
    ${lost > 0 && html`<p class="note">A picture was forgotten when the page was loaded again. Add it again.</p>`}
    <${Terms} terms=${terms} onChange=${(changed) => change({ terms: changed }, { replace: true })} />
    <${Filters} place=${place} onChange=${(part) => change({ ...part, count: "" })} />
    <div ref=${found} tabindex="-1" class="plain">
      <${Results} told=${told} isUntrained=${model?.trained === false} count=${count}
        onMore=${more} onAdd=${add}
        onFurther=${count < MOST && (() => change({ count: `${Math.min(count * 2, MOST)}` }, { replace: true }))} />
    </div>
  `;
}

function Box({ words, onWords, onSubmit, onChosen }) {
  return html`
    <form role="search" class="search" onSubmit=${onSubmit}>
      <label for="q" class="unseen">What the picture shows</label>
      <input id="q" type="search" name="q" value=${words} maxlength="4096" autocomplete="off"
        placeholder="What the picture shows" aria-describedby="hint how"
        onInput=${(event) => onWords(event.target.value)} />
      <button class="main">Search</button>
      <label class="button">
        <input type="file" accept="image/*" multiple onChange=${onChosen} />
        Add a picture
      </label>
    </form>
  `;
}

/** Ask; without words and pictures the index is leafed through. */
async function looked(place, terms, count, signal) {
  const where = whereOf(place);
  if (!place.q.trim() && !terms.length) {
    if (where) return { matches: [], isEmpty: true };
    const page = await json(`/items?count=${count}`, { signal });
    return { matches: page.items, isList: true, hasFurther: page.next !== null };
  }
  // What is like an item is not the item itself.
  const own = new Set(terms.filter((t) => t.kind === "item" && t.weight > 0).map((t) => t.name));
  const told = await post(
    "/search",
    {
      query: place.q,
      terms: terms.map(sent),
      count: Math.min(count + own.size, MOST),
      ...(where && { where }),
    },
    signal,
  );
  const hasFurther = told.matches.length === Math.min(count + own.size, MOST);
  const matches = told.matches.filter((match) => !own.has(match.key)).slice(0, count);
  return { ...told, matches, hasFurther };
}

const sent = ({ kind, weight, name }) =>
  kind === "item" ? { key: name, weight } : { picture: picture(name).data, weight };
