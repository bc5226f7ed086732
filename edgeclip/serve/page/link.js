/**
 * Link: whether the service is there, and whether it lets us in.
 *
 * `round` counts how often it came back: what depends on it asks again by itself.
 */

import { useEffect, useState } from "./html.js";

const FIRST_MS = 500;
const LONGEST_MS = 8000;
const PATIENCE_MS = 5000;
const LOCKED = "edgeclip.locked";

let link = { gone: false, locked: false, round: 0 };
const listeners = new Set();

function change(part) {
  link = { ...link, ...part };
  listeners.forEach((listener) => listener(link));
}

/** Return the link, and render again when it changes. */
export function useLink() {
  const [seen, see] = useState(link);
  useEffect(() => {
    listeners.add(see);
    see(link);
    return () => listeners.delete(see);
  }, []);
  return seen;
}

/** Note that the service did not answer, and wait for it. */
export function lost() {
  if (link.gone) return;
  change({ gone: true });
  wait(FIRST_MS);
}

/** Note that it wants its token. */
export function refused() {
  if (!link.locked) change({ locked: true });
}

/** Note that it has taken the token. */
export function admitted() {
  remember((kept) => kept.setItem(LOCKED, "yes"));
  change({ locked: false, round: link.round + 1 });
}

/** Note that this browser has forgotten how it came in. */
export function left() {
  remember((kept) => kept.removeItem(LOCKED));
  change({ locked: true, round: link.round + 1 });
}

/** Tell whether a token was given here: then it can be forgotten. */
export const hasEntered = () => remember((kept) => kept.getItem(LOCKED)) === "yes";

function remember(act) {
  try {
    return act(localStorage);
  } catch {
    return null; // a kiosk may forbid to keep anything
  }
}

function wait(pause) {
  const stop = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", soon);
    window.removeEventListener("online", soon);
  };
  const look = async () => {
    stop();
    if (await isThere()) change({ gone: false, round: link.round + 1 });
    else wait(Math.min(pause * 1.6, LONGEST_MS));
  };
  // Whoever looks at the page again does not want to wait for the pause to end.
  const soon = () => document.hidden || look();
  const timer = setTimeout(look, pause);
  document.addEventListener("visibilitychange", soon);
  window.addEventListener("online", soon);
}

async function isThere() {
  try {
    const answer = await fetch("/health", {
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return answer.ok;
  } catch {
    return false;
  }
}
