/** Browse: pictures that show the same, and groups of alike ones. */

import { json, useAsk } from "./api.js";
import { html, useState } from "./html.js";
import { go } from "./place.js";
import { Grid } from "./results.js";
import { Failure, Loading, NoIndex } from "./said.js";
import { pictures } from "./status.js";

const FEW = 6;

const similar = (key) => go({ view: "search", terms: [{ kind: "item", weight: 1, name: key }] });

/** The view of duplicates. */
export function Duplicates({ model }) {
  const told = useAsk((signal) => json("/duplicates", { signal }), []);
  if (model?.items === null) return html`<${NoIndex} />`;
  const groups = told.answer?.groups ?? [];
  return html`
    <p class="small">Pictures that show the same. Nothing is deleted here: each set names the one to keep.</p>
    <${Sets} told=${told} count=${groups.length} one="set">
      ${groups.map((group) => html`
        <${Part} key=${group.keeper} title=${pictures(group.keys.length)} matches=${copies(group)} />
      `)}
    </${Sets}>
  `;
}

/** The view of groups. */
export function Groups({ model }) {
  const told = useAsk((signal) => json("/groups", { signal }), []);
  if (model?.items === null) return html`<${NoIndex} />`;
  const all = told.answer?.groups ?? [];
  const groups = all.filter((group) => group.total > 1);
  const alone = all.length - groups.length;
  return html`
    <p class="small">Pictures that are alike, the largest group first.</p>
    <${Sets} told=${told} count=${groups.length} one="group">
      ${groups.map((group, at) => html`
        <${Part} key=${group.number} title=${`Group ${at + 1}: ${pictures(group.total)}`}
          matches=${group.keys.map((key, i) => ({ key, score: group.cosines[i] }))} />
      `)}
      ${alone > 0 && html`<p class="small">${pictures(alone)} in no group.</p>`}
    </${Sets}>
  `;
}

function Sets({ told, count, one, children }) {
  const { answer, loading, problem, again } = told;
  const many = `${count} ${one}${count === 1 ? "" : "s"}`;
  if (problem) return html`<${Failure} problem=${problem} again=${again} />`;
  if (!answer) return loading ? html`<${Loading} what="Comparing" />` : null;
  return html`
    <p role="status" class="small">${loading ? "Comparing …" : count ? `${many}.` : "There are none."}</p>
    <div aria-busy=${loading ? "true" : undefined}>${children}</div>
  `;
}

/** Some pictures under a heading: a few of them, and all on demand. */
function Part({ title, matches }) {
  const [isOpen, open] = useState(false);
  const shown = isOpen ? matches : matches.slice(0, FEW);
  return html`
    <section>
      <h2>${title}</h2>
      <${Grid} matches=${shown} onMore=${similar} />
      ${matches.length > FEW &&
      html`<button aria-expanded=${isOpen ? "true" : "false"} onClick=${() => open(!isOpen)}>
        ${isOpen ? "Show fewer" : `Show all ${matches.length}`}
      </button>`}
    </section>
  `;
}

function copies({ keeper, keys, cosines, exact }) {
  return keys.map((key) => ({
    key,
    score: cosines[key],
    badge: key === keeper ? "keep" : exact.includes(key) ? "same file" : "",
  }));
}
