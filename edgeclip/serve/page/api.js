/** Api: what is asked of the service, and what goes wrong. */

import { useCallback, useEffect, useRef, useState } from "./html.js";
import { lost, refused, useLink } from "./link.js";
import { escaped } from "./names.js";

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
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    if (!(error instanceof SyntaxError)) lost(); // it ended while it answered
    const status = error instanceof SyntaxError ? answer.status : 0;
    throw new Problem(status, "the answer of the service is cut off. Try again.");
  }
}

/** Post JSON; see `ask`. */
export const post = (path, body, signal) => json(path, { method: "POST", body, signal });

/** Return the path of an item, or of something of it: "thumbnail", "picture" … */
export const pathOf = (key, part) => `/items/${escaped(key)}${part ? `/${part}` : ""}`;

async function detailOf(answer) {
  try {
    return (await answer.json()).detail ?? answer.statusText;
  } catch {
    return `the service answers ${answer.status} ${answer.statusText}.`;
  }
}

/**
 * Ask when the page is drawn, again when `what` changes or the service is back, or on demand:
 * by `again`, or by `renew`, which does not say that it asks.
 * @param {null | ((signal: AbortSignal) => Promise<any>)} asking null: there is nothing to ask
 * @param {Array<any>} what the question depends on
 */
export function useAsk(asking, what) {
  const { round } = useLink();
  const [told, tell] = useState({ loading: asking !== null });
  const [turn, setTurn] = useState(0);
  const isQuiet = useRef(false);
  useEffect(() => {
    if (!asking) {
      tell({});
      return undefined;
    }
    const end = new AbortController();
    const loading = !isQuiet.current;
    isQuiet.current = false;
    tell((before) => ({ answer: before.answer, loading: loading || !before.answer }));
    const fail = (problem) => {
      if (end.signal.aborted) return;
      // While the service is gone, what is shown stays: it is asked again when it is back.
      tell((before) => (problem.status === 0 ? { ...before, loading: true } : { problem }));
    };
    asking(end.signal).then((answer) => end.signal.aborted || tell({ answer }), fail);
    return () => end.abort();
  }, [...what, round, turn]);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  const renew = useCallback(() => {
    isQuiet.current = true;
    again();
  }, []);
  return { ...told, again, renew };
}
