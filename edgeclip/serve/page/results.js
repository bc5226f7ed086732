/** Results: a grid of pictures with their scores, and what is said of them. */

import { html, useState } from "./html.js";
import { Item } from "./item.js";
import { Failure, Loading } from "./said.js";
import { Thumbnail, score, timeOf } from "./shown.js";

/** What a search has found. */
export function Results({ told, isUntrained, count, onMore, onAdd, onFurther }) {
  const { answer, loading, problem, again } = told;
  if (problem) return html`<${Failure} problem=${problem} again=${again} />`;
  if (!answer) return loading ? html`<${Loading} what="Searching" />` : null;
  return html`
    ${isUntrained && html`<p class="note bad">This model has random weights: its answers mean nothing.</p>`}
    ${answer.good_match === false && html`<${NoGoodMatch} answer=${answer} />`}
    <p role="status" class="small">${loading ? "Searching …" : summary(answer)}</p>
    <${Grid} matches=${answer.matches} isBusy=${loading} onMore=${onMore} onAdd=${onAdd} />
    ${answer.hasFurther && onFurther &&
    html`<p class="further"><button onClick=${onFurther}>Show more than ${count}</button></p>`}
  `;
}

function NoGoodMatch({ answer }) {
  const best = answer.matches[0]?.score;
  return html`
    <p class="note bad" role="status">
      <strong>No good match.</strong> Nothing here fits these words better than unrelated words do
      (${score(best)}, where they get ${score(answer.threshold)}). What follows are only the best of
      bad ones.
    </p>
  `;
}

function summary({ matches, isList, isEmpty }) {
  const many = `${matches.length} ${matches.length === 1 ? "picture" : "pictures"}`;
  if (isEmpty) return "Type what the picture shows: the filters narrow a search.";
  if (isList) return matches.length ? `${many} of the index; nothing is asked yet.` : "The index is empty.";
  if (!matches.length) return "Nothing is found. Other filters may let more through.";
  return `${many}, the nearest first; the best has ${score(matches[0].score)}.`;
}

/** A grid of items; each opens, and is a beginning for another search. */
export function Grid({ matches, isBusy, onMore, onAdd }) {
  const [opened, open] = useState(null);
  const act = (deed) => deed && ((key) => (open(null), deed(key)));
  return html`
    <ul class="grid" aria-busy=${isBusy ? "true" : undefined}>
      ${matches.map(
        (match, at) => html`
          <li key=${match.key}>
            <${Cell} match=${match} onOpen=${() => open(at)} onMore=${onMore} />
          </li>
        `,
      )}
    </ul>
    ${opened !== null && matches[opened] &&
    html`<${Item} match=${matches[opened]} key="item" onClose=${() => open(null)}
      onMore=${act(onMore)} onAdd=${act(onAdd)}
      onBefore=${opened > 0 && (() => open(opened - 1))}
      onAfter=${opened < matches.length - 1 && (() => open(opened + 1))} />`}
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
