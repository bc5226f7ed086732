/** Said: what a view says when it has nothing else to show. */

import { settle, useKeptFocus } from "./focus.js";
import { html, useEffect, useErrorBoundary } from "./html.js";

/** What went wrong, and a way to try again; nothing while the service is gone: that is said above. */
export function Failure({ problem, again }) {
  if (!problem || problem.status === 0 || problem.status === 401) return null;
  const retry = (event) => {
    settle(event.currentTarget); // it goes with what went wrong
    again();
  };
  return html`
    <div class="note bad" role="alert">
      <p>${sentence(problem.message)}</p>
      ${again && html`<button onClick=${retry}>Try again</button>`}
    </div>
  `;
}

const main = () => document.getElementById("main");

/** A view that may break: then this one does, and not the page. */
export function Boundary({ place, children }) {
  const [error, reset] = useErrorBoundary();
  useEffect(() => {
    if (error) reset(); // another place may be well
  }, [place]);
  useKeptFocus(main, main);
  if (!error) return children;
  const message = `this cannot be shown (${error.message}). Go to another view, or try again.`;
  return html`<${Failure} problem=${{ message }} again=${reset} />`;
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
