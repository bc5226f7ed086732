/** Html: the library, under one roof. */

import htm from "./vendor/htm.mjs";
import { h } from "./vendor/preact.mjs";

export { render } from "./vendor/preact.mjs";
export {
  useCallback,
  useEffect,
  useErrorBoundary,
  useLayoutEffect,
  useRef,
  useState,
} from "./vendor/hooks.mjs";

export const html = htm.bind(h);
