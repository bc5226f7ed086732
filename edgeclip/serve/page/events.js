/** Events: what the service tells by itself, as long as a view is shown. */

import { useEffect, useRef } from "./html.js";
import { useLink } from "./link.js";

const AGAIN_MS = 1000;

/**
 * Listen to server-sent events; while the service is gone, the link waits for it.
 * @param {string} path
 * @param {Record<string, Function>} takes by the name of the event; `begun` with the first of a
 *   stream: what was told before is not told again; `ended` when it breaks off: whoever asks then
 *   learns why
 */
export function useEvents(path, { begun, ended, ...takes }) {
  const { gone, locked, round } = useLink();
  const latest = useRef(null);
  latest.current = { begun, ended, ...takes };
  useEffect(() => {
    if (gone || locked) return undefined;
    let source;
    let timer;
    const open = () => {
      source = new EventSource(path);
      let isFirst = true; // an open stream may not listen yet
      const take = ({ type, data }) => {
        if (isFirst) latest.current.begun();
        isFirst = false;
        latest.current[type](JSON.parse(data));
      };
      for (const name of Object.keys(takes)) source.addEventListener(name, take);
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
  }, [path, gone, locked, round]);
}
