/** Asking: what is looked for at a place, and what the service is asked for it. */

import { json, post } from "./api.js";
import { whereOf } from "./filters.js";
import { picture } from "./pictures.js";

const FIRST = 24;
const MOST = 1000;

/** Return how many pictures are shown at a place. */
export const countOf = ({ count }) => Math.min(Number(count) || FIRST, MOST);

/** Return how many are shown when more are wanted; null: as many as there may be are. */
export const furtherOf = (place) =>
  countOf(place) < MOST ? Math.min(countOf(place) * 2, MOST) : null;

/** Return the terms of a place that can be sent: pictures of an earlier visit are forgotten. */
export const kept = (terms) =>
  terms.filter(({ kind, name }) => kind === "item" || picture(name) !== undefined);

/** Tell whether nothing is asked at a place: then the index is leafed through. */
export const isStart = ({ q, terms }) => !q.trim() && !kept(terms).length;

/** Ask for what a place shows. */
export async function look(place, signal) {
  return isStart(place) ? leafed(place, signal) : searched(place, kept(place.terms), signal);
}

async function leafed(place, signal) {
  const where = whereOf(place);
  const query = new URLSearchParams({ count: countOf(place) });
  if (where) query.set("where", JSON.stringify(where));
  const page = await json(`/items?${query}`, { signal });
  const { items: matches, total, next } = page;
  return { matches, total, isList: true, isFiltered: where !== null, hasFurther: next !== null };
}

async function searched(place, terms, signal) {
  const where = whereOf(place);
  // What is like an item is not the item itself.
  const own = new Set(terms.filter((t) => t.kind === "item" && t.weight > 0).map((t) => t.name));
  const count = Math.min(countOf(place) + own.size, MOST);
  const body = { query: place.q, terms: terms.map(sent), count, ...(where && { where }) };
  const told = await post("/search", body, signal);
  const matches = told.matches.filter(({ key }) => !own.has(key)).slice(0, countOf(place));
  const hasFurther = told.matches.length === count;
  return { ...told, matches, hasFurther, hasPictures: terms.length > 0 };
}

const sent = ({ kind, weight, name }) =>
  kind === "item" ? { key: name, weight } : { picture: picture(name).data, weight };
