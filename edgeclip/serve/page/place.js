/**
 * Place: what is looked at stands behind the # of the address, so that Back works and an address
 * can be kept.  Only dropped pictures cannot: the address has their numbers.
 */

import { useEffect, useState } from "./html.js";
import { named, plain } from "./names.js";

export const VIEWS = ["search", "duplicates", "groups", "camera"];
const SINGLE = ["q", "from", "to", "folder", "count"];

/**
 * Read an address.
 * @param {string} hash
 */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const found = new URLSearchParams(query);
  const place = { view: VIEWS.includes(path) ? path : VIEWS[0] };
  for (const name of SINGLE) place[name] = found.get(name) ?? "";
  place.folder = named(place.folder);
  place.terms = found.getAll("term").map(termOf).filter(Boolean);
  return place;
}

/** Return where we are now; a rendering may know an older place. */
export const here = () => parse(location.hash);

/** Write an address; what is empty is left out. */
export function format(place) {
  const query = new URLSearchParams();
  const texts = { ...place, folder: plain(place.folder ?? "") };
  for (const name of SINGLE) if (texts[name]) query.set(name, texts[name]);
  for (const { kind, weight, name } of place.terms ?? []) {
    query.append("term", `${kind}:${weight}:${plain(name)}`);
  }
  const text = query.toString();
  return `#/${place.view}${text && `?${text}`}`;
}

function termOf(text) {
  const [, kind, weight, name] = /^(item|picture):(-?[\d.]+):(.+)$/s.exec(text) ?? [];
  return kind && Number(weight) ? { kind, weight: Number(weight), name: named(name) } : null;
}

/** Go to a place. */
export function go(place, { replace = false } = {}) {
  const hash = format(place);
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

/** Return the place, and render again when it changes. */
export function usePlace() {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const changed = () => set(location.hash);
    window.addEventListener("hashchange", changed);
    changed();
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return parse(hash);
}
