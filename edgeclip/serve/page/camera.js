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
  if (told.problem?.status === 404) return html`<${NoCamera} />`;
  if (told.problem) return html`<${Failure} problem=${told.problem} again=${told.again} />`;
  if (!told.answer) return told.loading ? html`<${Loading} what="Asking for the camera" />` : null;
  return html`<${Watched} camera=${told.answer} again=${told.again} />`;
}

const NoCamera = () => html`
  <div class="note">
    <p>No camera is watched by this service. Start it with a camera and rules to see them here.</p>
  </div>
`;

function Watched({ camera, again }) {
  const [rules, setRules] = useState(camera.rules);
  const [state, setState] = useState(camera);
  const timeline = useTimeline();
  const frame = useFrame();
  useEffect(() => {
    setRules(camera.rules);
    setState(camera);
  }, [camera]);
  useEvents("/events", {
    reading: (reading) => {
      setRules(reading.rules);
      frame.renew();
    },
    event: timeline.add,
    state: setState,
    ended: () => {
      again();
      timeline.again();
    },
  });
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
    if (!own.isOver) set(next);
  };
  const renew = async () => {
    const now = performance.now();
    if (document.hidden || own.isAsking || now - own.at < FRAME_MS) return;
    Object.assign(own, { at: now, isAsking: true });
    try {
      const answer = await ask("/camera/frame");
      put(URL.createObjectURL(await answer.blob()));
    } catch (problem) {
      if (problem.status === 404) put(null); // there is none, or it is nobody's business
    }
    own.isAsking = false;
  };
  useEffect(() => {
    own.isOver = false;
    renew();
    return () => {
      own.isOver = true;
      put(null);
    };
  }, []);
  return { url, renew };
}
