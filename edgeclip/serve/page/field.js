/** Field: what is half typed stays, however often the page is drawn meanwhile. */

import { useLayoutEffect, useRef } from "./html.js";

/**
 * Return a ref for a field that shows a value; only another value takes away what is typed.
 * @param {string | number} value
 */
export function useField(value) {
  const field = useRef(null);
  useLayoutEffect(() => {
    field.current.value = value;
  }, [value]);
  return field;
}
