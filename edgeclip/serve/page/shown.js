/** Shown: small things that are shown in several places. */

import { ask, pathOf } from "./api.js";
import { html, useEffect, useState } from "./html.js";
import { useLink } from "./link.js";

const AGAIN_MS = 1000;
const TRIES = 3;
const [GONE, LOCKED, NONE, BUSY] = [0, 401, 404, 503];

/**
 * A small picture, or a word where the service has none; with a `key`, as it is one of one name.
 * @param {{name: string, size?: number, isLarge?: boolean, onKnown?: (isThere: boolean) => void}} props
 *   `isLarge`: it is what is looked at, so it is said that it comes; `onKnown` is told whether the
 *   service has a file of it
 */
export function Thumbnail({ name, size = 256, isLarge = false, onKnown }) {
  const path = pathOf(name, `thumbnail?size=${size}`);
  const [state, set] = useThumbnail(path, onKnown);
  const seen = () => {
    set({ is: "seen", tries: 0 });
    onKnown?.(true);
  };
  if (state.is === "missing") return html`<span class="missing">no picture</span>`;
  if (state.is === "broken") return html`<span class="missing">…</span>`;
  return html`
    ${isLarge && state.is === "coming" && html`<span class="missing">Loading …</span>`}
    <img src=${path} alt="" loading=${isLarge ? "eager" : "lazy"} decoding="async" class=${state.is}
      onLoad=${seen} onError=${() => set({ ...state, is: "broken" })} />
  `;
}

/** Return how far a picture is; one that is broken comes again, if there is any hope. */
function useThumbnail(path, onKnown) {
  const { round } = useLink();
  const [state, set] = useState({ is: "coming", tries: 0 });
  useEffect(() => {
    // The service is back, or lets us in: it may have now what it had not.
    const isHopeless = ({ is }) => is === "broken" || is === "missing";
    set((before) => (isHopeless(before) ? { is: "coming", tries: 0 } : before));
  }, [round]);
  useEffect(() => {
    if (state.is !== "broken") return undefined;
    const end = new AbortController();
    outcome(path, state.tries, end.signal).then((next) => {
      if (end.signal.aborted || !next) return;
      if (next.is === "missing") onKnown?.(next.isThere);
      set(next);
    });
    return () => end.abort();
  }, [state.is, round]);
  return [state, set];
}

/** Find out why a picture did not come, which its element does not tell; null: wait for the link. */
async function outcome(path, tries, signal) {
  try {
    await (await ask(path, { signal })).blob();
  } catch (problem) {
    if (problem.status === GONE || problem.status === LOCKED || signal.aborted) return null;
    if (problem.status !== BUSY) return { is: "missing", isThere: problem.status !== NONE };
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * 2 ** tries));
  }
  if (tries >= TRIES) return { is: "missing", isThere: true };
  return { is: "coming", tries: tries + 1 };
}

/** Show a cosine. */
export const score = (value) => (typeof value === "number" ? value.toFixed(3) : "");

/** Show what JSON may hold, whatever it is. */
export function text(value) {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "…"; // it is deeper than the browser can write
  }
}

/** Show a time as it is written: the clock of the camera, without a zone. */
export function timeOf(metadata) {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(text(metadata?.time ?? "")) ?? [];
  return day ? `${day} ${time}` : "";
}
