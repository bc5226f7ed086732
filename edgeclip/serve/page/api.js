/** Api: what is asked of the service, and what goes wrong. */

import { useCallback, useEffect, useState } from "./html.js";
import { lost, refused, useLink } from "./link.js";

const PATIENCE_MS = 70_000; // a board may take a minute; the service itself gives up then

/** What the service says when it does not do what it was asked (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status of HTTP; 0: there was no answer
   * @param {string} detail what to tell the user
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * Ask the service.
 * @param {string} path
 * @param {{method?: string, body?: object, signal?: AbortSignal, patience?: number}} [options]
 * @returns {Promise<Response>}
 */
export async function ask(path, { method = "GET", body, signal, patience = PATIENCE_MS } = {}) {
  const ends = [AbortSignal.timeout(patience), ...(signal ? [signal] : [])];
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body && { "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.any(ends),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    lost();
    throw new Problem(0, "the service does not answer.");
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && path !== "/session") refused();
  throw new Problem(answer.status, await detailOf(answer));
}

/** Ask for JSON, or send some; see `ask`. */
export async function json(path, options) {
  const answer = await ask(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** Post JSON; see `ask`. */
export const post = (path, body, signal) => json(path, { method: "POST", body, signal });

/** Return the path of something of an item: "thumbnail", "picture" … */
export const pathOf = (key, part) => `/items/${[...key].map(escaped).join("")}/${part}`;

/** Escape a character; bytes that are no UTF-8 come as surrogates U+DC80 to U+DCFF. */
function escaped(character) {
  const code = character.codePointAt(0);
  const isByte = code >= 0xdc80 && code <= 0xdcff;
  return isByte ? `%${(code - 0xdc00).toString(16)}` : encodeURIComponent(character);
}

async function detailOf(answer) {
  try {
    return (await answer.json()).detail ?? answer.statusText;
  } catch {
    return `the service answers ${answer.status} ${answer.statusText}.`;
  }
}

/**
 * Ask when the page is drawn, again when `what` changes or the service is back, or on demand.
 * @param {null | ((signal: AbortSignal) => Promise<any>)} asking null: there is nothing to ask
 * @param {Array<any>} what the question depends on
 */
export function useAsk(asking, what) {
  const { round } = useLink();
  const [told, tell] = useState({ loading: asking !== null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!asking) {
      tell({});
      return undefined;
    }
    const end = new AbortController();
    tell((before) => ({ answer: before.answer, loading: true }));
    const fail = (problem) => {
      if (end.signal.aborted) return;
      // While the service is gone, what is shown stays: it is asked again when it is back.
      tell((before) => (problem.status === 0 ? { ...before, loading: true } : { problem }));
    };
    asking(end.signal).then((answer) => end.signal.aborted || tell({ answer }), fail);
    return () => end.abort();
  }, [...what, round, turn]);
  return { ...told, again: useCallback(() => setTurn((before) => before + 1), []) };
}
