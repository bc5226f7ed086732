/** Search: the box, what is added to it, and what is found. */

import { useAsk } from "./api.js";
import { countOf, furtherOf, isStart, kept, look } from "./asking.js";
import { Filters } from "./filters.js";
import { useKeptFocus } from "./focus.js";
import { Hint } from "./hint.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { format, go, here } from "./place.js";
import { Results } from "./results.js";
import { NoIndex } from "./said.js";
import { progressOf } from "./status.js";
import { FULL, MOST, Taken } from "./taking.js";
import { Terms } from "./terms.js";

const SMALL = "(max-width: 699px)";

/**
 * The view.
 * @param {{place: object, model: object | null, taking: object, typed: {current: string}}} props
 *   `taking`: see `useTaking`; `typed` holds what stands in the box
 */
export function Search({ place, model, taking, typed }) {
  const [words, type] = useWords(place.q, typed);
  const box = useRef(null);
  const found = useRef(null);
  const told = useTold(place, model);
  useKeptFocus(
    () => document.getElementById("main"),
    () => found.current,
  );
  const deeds = deedsOf({ typed, type, taking, found });
  if (model?.items === null) return html`<${NoIndex} />`;
  const terms = kept(place.terms);
  const further = furtherOf(place);
  return html`
    <${Box} words=${words} box=${box} onWords=${type} onSubmit=${deeds.submit} onChosen=${taking.chosen} />
    <p id="how" class="small">
      Words, or a sum: <code>2:beach - people</code>. Drop or paste a picture to add it.
    </p>
    <${Hint} query=${words} onTake=${deeds.rewrite} />
    <${Taken} taking=${taking} />
    ${terms.length < place.terms.length && html`<${Lost} />`}
    <${Terms} terms=${terms} onEmpty=${() => box.current.focus()}
      onChange=${(changed) => deeds.change({ terms: changed }, { replace: true })} />
    <${Filters} place=${place} items=${progressOf(model) ? "growing" : model?.items}
      onChange=${(part, options) => deeds.change({ ...part, count: "" }, options)} />
    <div ref=${found} tabindex="-1" class="plain" role="region" aria-label="What is found">
      <${Results} told=${told} place=${format(place)} count=${countOf(place)} model=${model}
        onMore=${deeds.more} onAdd=${deeds.add}
        onFurther=${further && (() => deeds.change({ count: `${further}` }, { replace: true }))} />
    </div>
  `;
}

const Lost = () => html`
  <p class="note">A picture of this search is not kept any more. Add it again.</p>
`;

/** Return what stands in the box, and what changes it. */
function useWords(asked, typed) {
  const [words, set] = useState(asked);
  const type = (text) => {
    typed.current = text;
    set(text);
  };
  useEffect(() => type(asked), [asked]);
  useEffect(() => () => (typed.current = ""), []);
  return [words, type];
}

/** Return what the service tells of a place; what is leafed through also as the index grows. */
function useTold(place, model) {
  const hasIndex = model?.items !== null;
  const asking = hasIndex ? (signal) => look(place, signal) : null;
  const told = useAsk(asking, [format(place), hasIndex]);
  const items = useRef(model?.items);
  useEffect(() => {
    const isNew = items.current !== undefined && items.current !== model?.items;
    items.current = model?.items;
    if (isNew && hasIndex && isStart(place)) told.renew();
  }, [model?.items]);
  return told;
}

const only = (key) => [{ kind: "item", weight: 1, name: key }];

/** Return what can be done here; each begins where the search is when it is done. */
function deedsOf({ typed, type, taking, found }) {
  const change = (part, options) => {
    const place = here();
    go({ ...place, q: typed.current, terms: kept(place.terms), ...part }, options);
  };
  return {
    change,
    submit(event) {
      event.preventDefault();
      change({ count: "" });
      if (matchMedia(SMALL).matches) found.current.focus(); // below the box and its keyboard
    },
    rewrite(words) {
      found.current.focus();
      type(words);
      change({ count: "" });
    },
    more(key) {
      found.current.focus();
      type("");
      change({ terms: only(key), count: "" });
    },
    add(key) {
      found.current.focus();
      const others = kept(here().terms).filter((term) => term.kind !== "item" || term.name !== key);
      if (others.length >= MOST) taking.tell(FULL);
      else change({ terms: [...others, ...only(key)], count: "" });
    },
  };
}

function Box({ words, box, onWords, onSubmit, onChosen }) {
  return html`
    <form role="search" class="search" onSubmit=${onSubmit}>
      <label for="q" class="unseen">What the picture shows</label>
      <input id="q" type="search" name="q" ref=${box} value=${words} maxlength="4096" autocomplete="off"
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
