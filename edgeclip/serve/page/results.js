/** Results: what a search has found, and what is said of it. */

import { Grid } from "./grid.js";
import { html, useLayoutEffect, useRef } from "./html.js";
import { Failure } from "./said.js";
import { score } from "./shown.js";
import { pictures, progressOf } from "./status.js";

/**
 * What a search has found.
 * @param {{told: object, place: string, count: number, model: object, onMore: Function,
 *   onAdd: Function, onFurther: (() => void) | false}} props `told`: see `useAsk`
 */
export function Results({ told, place, count, model, onMore, onAdd, onFurther }) {
  const { answer, loading, problem, again } = told;
  const [part, grow] = useGrowth(answer, loading);
  const isBad = !loading && answer?.good_match === false;
  const further = () => {
    grow(answer.matches.length);
    onFurther();
  };
  return html`
    <div ref=${part}>
      ${model?.trained === false &&
      html`<p class="note bad">This model has random weights: its answers mean nothing.</p>`}
      <div role="status" class=${isBad ? "note bad" : "small"}>
        ${loading ? "Searching …" : answer && html`<${Summary} answer=${answer} model=${model} />`}
      </div>
      <${Failure} problem=${problem} again=${again} />
      ${answer &&
      html`<${Grid} matches=${answer.matches} place=${place} isBusy=${loading}
        onMore=${onMore} onAdd=${onAdd} />`}
      ${answer?.hasFurther && onFurther &&
      html`<p class="further"><button onClick=${further}>Show more than ${count}</button></p>`}
    </div>
  `;
}

/** Hand the focus to the first picture that more of them bring: the button goes with the last. */
function useGrowth(answer, loading) {
  const part = useRef(null);
  const known = useRef(0);
  useLayoutEffect(() => {
    if (loading || !known.current) return;
    part.current.querySelectorAll(".grid .picture")[known.current]?.focus();
    known.current = 0;
  }, [answer, loading]);
  return [part, (count) => (known.current = count)];
}

/** What was found, in words; what is not a good match comes first. */
function Summary({ answer, model }) {
  const { matches, isList, total } = answer;
  if (isList) return listed(matches.length, total, progressOf(model), answer.isFiltered);
  if (!matches.length) return "Nothing is found. Other filters may let more through.";
  const best = score(matches[0].score);
  const found = `${pictures(matches.length)}, the nearest first; the best has ${best}.`;
  if (answer.good_match !== false) return found + doubt(answer);
  return html`
    <p>
      <strong>No good match.</strong> Nothing here fits these words better than unrelated words do,
      which get ${score(answer.threshold)} here.
    </p>
    <p>${found} They are only the best of bad ones.</p>
  `;
}

function doubt({ good_match: good, hasPictures }) {
  if (good !== null) return "";
  const why = hasPictures
    ? "with pictures in a search, scores are of another range"
    : "this index does not know what unrelated words get";
  return ` Nobody knows whether that is a good match: ${why}.`;
}

function listed(count, total, progress, isFiltered) {
  if (count) {
    const many = count < total ? `${count.toLocaleString("en")} of ${pictures(total)}` : pictures(total);
    return `${many}${isFiltered ? " that the filters let through" : " of the index"}; nothing is asked yet.`;
  }
  if (isFiltered) return "The filters let nothing through. Other ones may.";
  return progress ? "Nothing is indexed yet; what comes is shown here." : "The index is empty.";
}
