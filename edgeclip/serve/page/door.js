/** Door: asks for the token of the service. */

import { json, post } from "./api.js";
import { html, useLayoutEffect, useRef, useState } from "./html.js";
import { admitted, left } from "./link.js";

/** A dialog that asks for the token until it is right. */
export function Door() {
  const dialog = useRef(null);
  const [wrong, tell] = useState("");
  const [isAsking, setAsking] = useState(false);
  useStaying(dialog);
  const enter = async (event) => {
    event.preventDefault();
    if (isAsking) return;
    const field = event.target.elements.token;
    setAsking(true);
    tell("");
    try {
      await post("/session", { token: field.value.trim() });
      admitted();
    } catch (problem) {
      tell(problem.message);
      setAsking(false);
      field.focus();
      field.select();
    }
  };
  return html`
    <dialog ref=${dialog} aria-labelledby="door" onCancel=${(event) => event.preventDefault()}>
      <${Form} wrong=${wrong} isAsking=${isAsking} onSubmit=${enter} />
    </dialog>
  `;
}

const Form = ({ wrong, isAsking, onSubmit }) => html`
  <form onSubmit=${onSubmit}>
    <h2 id="door">This service wants its token</h2>
    <p>Whoever started the service has it. This browser keeps something else instead.</p>
    <input name="username" autocomplete="username" value="edgeclip" hidden />
    <label for="token">Token</label>
    <input id="token" name="token" type="password" autocomplete="current-password" required
      aria-describedby="wrong" aria-invalid=${wrong ? "true" : undefined} />
    <p id="wrong" role="alert" class="bad">${wrong}</p>
    <button class="main" aria-disabled=${isAsking ? "true" : undefined}>Enter</button>
  </form>
`;

/** Keep a dialog open: browsers let a page prevent only the first of two Esc (the HTML standard). */
function useStaying(dialog) {
  useLayoutEffect(() => {
    const own = dialog.current;
    const stay = () => own.showModal();
    own.addEventListener("close", stay);
    own.showModal();
    return () => {
      own.removeEventListener("close", stay);
      own.close(); // gives the focus back
    };
  }, []);
}

/** Let this browser forget how it came in. */
export async function leave() {
  try {
    await json("/session", { method: "DELETE" });
    left();
  } catch {
    // The service is gone, and the page says so.
  }
}
