/** Meters: how far each rule is from its threshold. */

import { html, useRef } from "./html.js";

const LEAST = 0.1;
const WIDE = 100;

/** Tell whether a rule is above its threshold. */
export const isFiring = ({ score, threshold }) =>
  score !== null && threshold !== null && score > threshold;

/** A meter for each rule; the mark in its middle is the threshold. */
export function Meters({ rules }) {
  // Log-odds have no ends: the farthest that was seen here is as wide as the meter.
  const farthest = useRef(new Map()).current;
  if (!rules.length) return html`<p class="small">There are none.</p>`;
  return html`
    <ul class="meters">
      ${rules.map((rule) => html`<li key=${rule.rule}><${Meter} rule=${rule} farthest=${farthest} /></li>`)}
    </ul>
  `;
}

function Meter({ rule, farthest }) {
  if (rule.score === null) return html`<${Unseen} rule=${rule} />`;
  if (rule.threshold === null) return html`<${Learning} rule=${rule} />`;
  const above = rule.score - rule.threshold;
  const far = Math.max(farthest.get(rule.rule) ?? LEAST, Math.abs(above));
  farthest.set(rule.rule, far);
  const at = WIDE * (0.5 + 0.48 * (above / far));
  const words = `${rule.score.toFixed(2)}, ${isFiring(rule) ? "above" : "below"} ${rule.threshold.toFixed(2)}`;
  return html`
    <span class="name">${rule.rule}</span>
    <span class=${isFiring(rule) ? "value firing" : "value"}>${isFiring(rule) && "● "}${words}</span>
    <svg role="meter" aria-label=${rule.rule} aria-valuetext=${words} aria-valuenow=${rule.score}
      aria-valuemin=${rule.threshold - far} aria-valuemax=${rule.threshold + far}
      viewBox="0 0 ${WIDE} 8" preserveAspectRatio="none" class=${isFiring(rule) ? "firing" : ""}>
      <rect class="back" width=${WIDE} height="8" />
      <rect class="bar" width=${at} height="8" />
      <rect class="mark" x=${WIDE / 2 - 0.4} width="0.8" height="8" />
    </svg>
  `;
}

const Unseen = ({ rule }) => html`
  <span class="name">${rule.rule}</span>
  <span class="value">no frame yet</span>
`;

function Learning({ rule }) {
  const share = Math.floor(rule.learnt * 100);
  return html`
    <span class="name">${rule.rule}</span>
    <span class="value">learning ${share} %</span>
    <progress max="100" value=${share} aria-label="Learning ${rule.rule}"></progress>
  `;
}
