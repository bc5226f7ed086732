/** Browse: pictures that show the same, and groups of alike ones. */

import { json, useAsk } from "./api.js";
import { useKeptFocus } from "./focus.js";
import { Grid } from "./grid.js";
import { html, useRef, useState } from "./html.js";
import { escaped } from "./names.js";
import { go } from "./place.js";
import { Failure, NoIndex } from "./said.js";
import { pictures } from "./status.js";

const FEW = 6;
const PART = 100;

const similar = (key) => go({ view: "search", terms: [{ kind: "item", weight: 1, name: key }] });

/** The view of duplicates. */
export function Duplicates({ model }) {
  const told = useAsk((signal) => json("/duplicates", { signal }), []);
  if (model?.items === null) return html`<${NoIndex} />`;
  const { groups, total } = told.answer ?? { groups: [], total: 0 };
  const path = ({ keeper }) => `/duplicates/set?keeper=${escaped(keeper)}&`;
  return html`
    <p class="small">Pictures that show the same. Nothing is deleted here: each set names the one to keep.</p>
    <${Sets} told=${told} count=${groups.length} total=${total} one="set">
      ${groups.map((group) => html`
        <${Part} key=${group.keeper} title=${pictures(group.total)} first=${group} matchesOf=${copies}
          path=${path(group)} />
      `)}
    </${Sets}>
  `;
}

/** The view of groups. */
export function Groups({ model }) {
  const told = useAsk((signal) => json("/groups", { signal }), []);
  if (model?.items === null) return html`<${NoIndex} />`;
  const { groups: all, total, alone } = told.answer ?? { groups: [], total: 0, alone: 0 };
  const groups = all.filter((group) => group.total > 1);
  return html`
    <p class="small">Pictures that are alike, the largest group first.</p>
    <${Sets} told=${told} count=${groups.length} total=${total - alone} one="group">
      ${groups.map((group, at) => html`
        <${Part} key=${group.number} title=${`Group ${at + 1}: ${pictures(group.total)}`} first=${group}
          matchesOf=${members} path=${`/groups/${group.number}?`} />
      `)}
      ${alone > 0 && html`<p class="small">${pictures(alone)} in no group.</p>`}
    </${Sets}>
  `;
}

function Sets({ told, count, total, one, children }) {
  const { answer, loading, problem, again } = told;
  const many = `${total.toLocaleString("en")} ${one}${total === 1 ? "" : "s"}`;
  const shown = count < total ? `The first ${count} of ${many}.` : `${many}.`;
  return html`
    <p role="status" class="small">
      ${loading ? "Comparing …" : answer && (total ? shown : "There are none.")}
    </p>
    <${Failure} problem=${problem} again=${again} />
    ${answer && html`<div aria-busy=${loading ? "true" : undefined}>${children}</div>`}
  `;
}

/**
 * Some pictures under a heading: a few of them, and all on demand, a part at a time.
 * @param {{title: string, first: object, matchesOf: (group: object) => Array<object>,
 *   path: string}} props `first` is the group with its first keys; more come from `path`
 */
function Part({ title, first, matchesOf, path }) {
  const [count, show] = useState(FEW);
  const { known, ...told } = useMore(first, path, count);
  const part = useRef(null);
  const button = useRef(null);
  useKeptFocus(
    () => part.current,
    () => button.current,
  );
  const next = Math.min(count === FEW ? PART : count + PART, first.total);
  const isAll = count >= first.total;
  const words = next === first.total ? `Show all ${next}` : `Show ${next} of ${first.total}`;
  return html`
    <section ref=${part}>
      <h2>${title}</h2>
      <${Grid} matches=${known.flatMap(matchesOf).slice(0, count)} isBusy=${told.loading} onMore=${similar} />
      <${Failure} problem=${told.problem} again=${told.again} />
      <p role="status" class="unseen">${told.loading ? "Fetching more …" : ""}</p>
      ${first.total > FEW &&
      html`<button ref=${button} aria-expanded=${isAll ? "true" : "false"}
        onClick=${() => show(isAll ? FEW : next)}>${isAll ? "Show fewer" : words}</button>`}
    </section>
  `;
}

/** Return the parts of a group that are known; what is missing of `count` is asked for. */
function useMore(first, path, count) {
  const own = useRef({});
  if (own.current.first !== first) own.current = { first, more: new Map() }; // it was told anew
  const { more } = own.current;
  const starts = [];
  for (let at = first.keys.length; at < Math.min(count, first.total); at += PART) starts.push(at);
  const lacking = starts.find((at) => !more.has(at));
  const asking = async (signal) => {
    more.set(lacking, await json(`${path}start=${lacking}&count=${PART}`, { signal }));
    return lacking;
  };
  const told = useAsk(lacking === undefined ? null : asking, [first, lacking]);
  const known = [first, ...starts.filter((at) => more.has(at)).map((at) => more.get(at))];
  return { ...told, known };
}

/** Return the matches of a set of duplicates; a key may be any name, also one that objects have. */
function copies({ keeper, keys, cosines, exact }) {
  return keys.map((key) => ({
    key,
    score: Object.hasOwn(cosines, key) ? cosines[key] : undefined,
    badge: key === keeper ? "keep" : exact.includes(key) ? "same file" : "",
  }));
}

const members = ({ keys, cosines }) => keys.map((key, at) => ({ key, score: cosines[at] }));
