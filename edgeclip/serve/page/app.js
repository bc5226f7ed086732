/** App: the frame around the views, and what is said above them. */

import { Duplicates, Groups } from "./browse.js";
import { Camera } from "./camera.js";
import { Door, leave } from "./door.js";
import { useKeptFocus } from "./focus.js";
import { html, render, useEffect, useRef } from "./html.js";
import { hasEntered, useLink } from "./link.js";
import { VIEWS, format, usePlace } from "./place.js";
import { Boundary } from "./said.js";
import { Search } from "./search.js";
import { Status, useStatus } from "./status.js";
import { useTaking } from "./taking.js";

const TITLES = { search: "Search", duplicates: "Duplicates", groups: "Groups", camera: "Camera" };
const SHOWN = { search: Search, duplicates: Duplicates, groups: Groups, camera: Camera };

function App() {
  const place = usePlace();
  const link = useLink();
  const status = useStatus();
  const main = useRef(null);
  const typed = useRef("");
  const taking = useTaking(typed);
  const View = SHOWN[place.view];
  useKeptFocus(
    () => document.body,
    () => main.current,
  );
  useEffect(() => {
    document.title = `${TITLES[place.view]} · edgeclip`;
  }, [place.view]);
  return html`
    <${Top} view=${place.view} status=${status} main=${main} />
    <div role="status" class="news">${link.gone && html`<${Gone} />`}</div>
    <main id="main" tabindex="-1" ref=${main}>
      <h1 class="unseen">${TITLES[place.view]}</h1>
      <${Boundary} key=${place.view} place=${format(place)}>
        <${View} place=${place} model=${status} taking=${taking} typed=${typed} />
      </${Boundary}>
    </main>
    ${link.locked && html`<${Door} />`}
  `;
}

function Top({ view, status, main }) {
  const skip = (event) => {
    event.preventDefault(); // the address is for places
    main.current.focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header>
      <span class="brand"><img src="/page/icon.svg" alt="" width="24" height="24" />edgeclip</span>
      <${Views} chosen=${view} />
      <${Status} model=${status} />
      ${hasEntered() && html`<button class="quiet" onClick=${leave}>Forget the token</button>`}
    </header>
  `;
}

function Views({ chosen }) {
  const current = (view) => (view === chosen ? "page" : undefined);
  return html`
    <nav aria-label="Views">
      ${VIEWS.map(
        (view) =>
          html`<a href=${format({ view })} aria-current=${current(view)}>${TITLES[view]}</a>`,
      )}
    </nav>
  `;
}

const Gone = () => html`
  <p class="note bad">The service is gone. Trying again; this page carries on when it is back.</p>
`;

render(html`<${App} />`, document.getElementById("app"));
