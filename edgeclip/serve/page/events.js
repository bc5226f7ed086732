/** Events: what the service tells by itself, as long as a view is shown. */

import { useEffect, useRef } from "./html.js";

const AGAIN_MS = 1000;

/**
 * Listen to server-sent events.
 * @param {string} path
 * @param {Record<string, Function>} takes by the name of the event; `ended` when the stream has
 *   ended: whoever asks the service then learns why, and the stream is opened again
 */
export function useEvents(path, takes) {
  const latest = useRef(takes);
  latest.current = takes;
  useEffect(() => {
    let source;
    let timer;
    const open = () => {
      source = new EventSource(path);
      for (const name of Object.keys(latest.current).filter((each) => each !== "ended")) {
        source.addEventListener(name, (event) => latest.current[name](JSON.parse(event.data)));
      }
      source.onerror = () => {
        source.close(); // the browser's own way to try again gives up at times
        latest.current.ended();
        timer = setTimeout(open, AGAIN_MS);
      };
    };
    open();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [path]);
}
