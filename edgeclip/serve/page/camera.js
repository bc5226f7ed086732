/** Camera: what it sees now, what the rules make of it, and what has happened. */

import { ask, json, useAsk } from "./api.js";
import { useEvents } from "./events.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Meters, isFiring } from "./meters.js";
import { Failure, Loading } from "./said.js";
import { Timeline, useTimeline } from "./timeline.js";

const FRAME_MS = 500;
const STATES = {
  open: "",
  opening: "The camera is being opened.",
  ended: "The camera is watched no more.",
  lost: "The camera is lost. The service tries it again.",
  black: "The camera sees nothing but black.",
  frozen: "The camera sends the same frame again and again.",
};

/** The view. */
export function Camera() {
  const told = useAsk((signal) => json("/camera", { signal }), []);
  const known = useRef(null); // what is watched goes on while it is asked again in vain
  if (told.answer) known.current = told.answer;
  if (told.problem?.status === 404) return html`<${NoCamera} />`;
  if (known.current) return html`<${Watched} camera=${known.current} again=${told.again} />`;
  if (told.problem) return html`<${Failure} problem=${told.problem} again=${told.again} />`;
  return told.loading ? html`<${Loading} what="Asking for the camera" />` : null;
}

const NoCamera = () => html`
  <div class="note">
    <p>No camera is watched by this service. Start it with a camera and rules to see them here.</p>
  </div>
`;

function Watched({ camera, again }) {
  const timeline = useTimeline();
  const frame = useFrame();
  const { rules, state } = useLive(camera, { again, timeline, frame });
  const firing = rules.filter(isFiring);
  return html`
    <div class="camera">
      <section aria-labelledby="seen">
        <h2 id="seen">${camera.camera}</h2>
        <div role="status">
          ${STATES[state.state] !== "" &&
          html`<p class="note bad">${told(state)}</p>`}
        </div>
        <${Frame} url=${frame.url} name=${camera.camera} firing=${firing} />
      </section>
      <section aria-labelledby="rules">
        <h2 id="rules">Rules</h2>
        <${Meters} rules=${rules} />
      </section>
      <section aria-labelledby="events">
        <h2 id="events">Events</h2>
        <${Timeline} timeline=${timeline} />
      </section>
    </div>
  `;
}

/**
 * Return what the rules make of the newest frame, and how the camera is.
 *
 * The stream tells both as they change; what is asked beside it may be older when it comes.
 */
function useLive(camera, { again, timeline, frame }) {
  const [rules, setRules] = useState(camera.rules);
  const [state, setState] = useState(camera);
  const isRead = useRef(false);
  useEffect(() => {
    if (!isRead.current) setRules(camera.rules); // of a service that was started again
  }, [camera]);
  useEvents("/events", {
    begun: () => {
      isRead.current = false;
      again();
      timeline.again(); // what happened while nobody listened
    },
    reading: (reading) => {
      isRead.current = true;
      setRules(reading.rules);
      frame.renew();
    },
    event: timeline.add,
    state: setState,
    ended: again,
  });
  return { rules, state };
}

const told = ({ state, reason }) => [STATES[state] ?? state, reason && `(${reason})`].join(" ");

function Frame({ url, name, firing }) {
  if (!url) return html`<p class="frame missing">no picture</p>`;
  return html`
    <div class="frame">
      <img src=${url} alt="What the camera ${name} sees now" />
      <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        ${firing
          .filter((rule) => rule.box)
          .map(({ rule, box: [left, top, right, bottom] }) => html`
            <rect key=${rule} x=${left} y=${top} width=${right - left} height=${bottom - top} />
          `)}
      </svg>
    </div>
  `;
}

/** Return the newest frame, and what asks for the next: at most two a second, and only when seen. */
function useFrame() {
  const [url, set] = useState(null);
  const own = useRef({ url: null, at: -FRAME_MS, isAsking: false, isOver: false }).current;
  const put = (next) => {
    if (own.url) URL.revokeObjectURL(own.url);
    own.url = next;
    set(next);
  };
  const renew = async () => {
    const now = performance.now();
    if (document.hidden || own.isAsking || now - own.at < FRAME_MS) return;
    Object.assign(own, { at: now, isAsking: true });
    try {
      const answer = await ask("/camera/frame");
      const data = await answer.blob();
      if (!own.isOver) put(URL.createObjectURL(data)); // it may come after the view was left
    } catch (problem) {
      if (problem.status === 404 && !own.isOver) put(null); // there is none, or it is nobody's business
    }
    own.isAsking = false;
  };
  useEffect(() => {
    own.isOver = false;
    renew();
    return () => {
      own.isOver = true;
      if (own.url) URL.revokeObjectURL(own.url);
    };
  }, []);
  return { url, renew };
}
