/** Said: what a view says when it has nothing else to show. */

import { html } from "./html.js";

/** What went wrong, and a way to try again; nothing while the service is gone: that is said above. */
export function Failure({ problem, again }) {
  if (!problem || problem.status === 0 || problem.status === 401) return null;
  return html`
    <div class="note bad" role="alert">
      <p>${sentence(problem.message)}</p>
      ${again && html`<button onClick=${again}>Try again</button>`}
    </div>
  `;
}

/** That something is being fetched. */
export const Loading = ({ what = "Loading" }) => html`<p class="note" role="status">${what} …</p>`;

/** What there is to know when there is no index. */
export const NoIndex = () => html`
  <div class="note">
    <p>This service has no index, so there is nothing to search. Make one, and start again:</p>
    <pre>${"edgeclip index FOLDER --index photos.index\nedgeclip serve --index photos.index"}</pre>
  </div>
`;

/** Begin a sentence as sentences begin. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
