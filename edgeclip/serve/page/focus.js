/**
 * Focus: where it goes when what had it leaves the page.
 *
 * Without that it is nowhere: a keyboard begins at the top again, and a screen reader is silent.
 */

import { useLayoutEffect } from "./html.js";

/** Tell whether nothing has the focus. */
const isLost = () => !document.activeElement || document.activeElement === document.body;

/** Hand the focus to the nearest part around an element that takes it (`tabindex="-1"`). */
export const settle = (element) => element?.closest('[tabindex="-1"]')?.focus();

/**
 * Hand the focus on when what has it within a part is gone after this rendering.
 * @param {() => Element | null | undefined} within
 * @param {() => Element | null | undefined} heir what stays, and takes it
 */
export function useKeptFocus(within, heir) {
  const had = !isLost() && within()?.contains(document.activeElement);
  useLayoutEffect(() => {
    if (had && isLost()) heir()?.focus();
  });
}
