/** Timeline: the events of the camera, the newest first. */

import { json, useAsk } from "./api.js";
import { html, useEffect, useState } from "./html.js";
import { Failure, Loading } from "./said.js";

const MOST = 100;

/** Return the events that are known, and what adds one. */
export function useTimeline() {
  const told = useAsk((signal) => json(`/timeline?count=${MOST}`, { signal }), []);
  const [events, set] = useState([]);
  const [last, tell] = useState("");
  useEffect(() => {
    if (told.answer) set((known) => merged(told.answer.events, known));
  }, [told.answer]);
  const add = (event) => {
    set((known) => merged([event], known));
    tell(`${event.rule} ${event.state}`);
  };
  return { ...told, events, last, add };
}

/** Put events together: an end takes the place of its start. */
function merged(newer, older) {
  const known = new Map(older.map((event) => [event.id, event]));
  for (const event of newer) {
    if (known.get(event.id)?.state !== "ended") known.set(event.id, event);
  }
  const all = [...known.values()].sort((one, two) => new Date(two.start) - new Date(one.start));
  return all.slice(0, MOST);
}

/** Show them. */
export function Timeline({ timeline }) {
  const { events, last, answer, problem, again } = timeline;
  return html`
    <p role="status" class="unseen">${last}</p>
    <${Failure} problem=${problem} again=${again} />
    ${!events.length && !problem && (answer ? html`<${Nothing} />` : html`<${Loading} />`)}
    ${events.length > 0 &&
    html`<ol class="timeline" tabindex="0" aria-labelledby="events">
      ${events.map((event) => html`<li key=${event.id} class=${event.state}><${Row} event=${event} /></li>`)}
    </ol>`}
  `;
}

const Nothing = () => html`<p class="small">Nothing has happened yet.</p>`;

function Row({ event }) {
  const [day, time] = [event.start.slice(0, 10), event.start.slice(11, 19)];
  return html`
    <time datetime=${event.start}>${event.clock_set ? day : "clock not set"} <b>${time}</b></time>
    <span class="name">${event.rule}</span>
    <span class="small">
      ${lengthOf(event)}, score ${event.score.toFixed(2)} (above ${event.threshold.toFixed(2)})
    </span>
  `;
}

/** Say how long an event took; of one that the service did not see the end of nobody knows. */
function lengthOf({ state, duration_s: seconds }) {
  return { started: "now", ended: `for ${duration(seconds)}` }[state] ?? "end not known";
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
