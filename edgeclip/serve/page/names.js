/** Names: keys of items in addresses.  A file's name may hold bytes that are no UTF-8. */

// Such bytes come as halves of surrogate pairs, U+DC80 to U+DCFF, as Python reads them.
const FIRST = 0xdc00;
const ODD = /[\udc80-\udcff]/gu;

/** Escape a name for an address that the service reads. */
export const escaped = (name) => [...name].map(escapedOne).join("");

function escapedOne(character) {
  const code = character.codePointAt(0);
  const isByte = code >= FIRST + 0x80 && code <= FIRST + 0xff;
  return isByte ? `%${(code - FIRST).toString(16)}` : encodeURIComponent(character);
}

/** Write a name so that URLSearchParams, which would take odd bytes for others, can hold it. */
export const plain = (name) =>
  name
    .replaceAll("%", "%25")
    .replace(ODD, (half) => `%${(half.charCodeAt(0) - FIRST).toString(16)}`);

/** Read what `plain` has written. */
export const named = (text) =>
  text.replace(/%(25|[89a-f][0-9a-f])/gi, (_, digits) =>
    digits === "25" ? "%" : String.fromCharCode(FIRST + Number.parseInt(digits, 16)),
  );
