/** Pictures: those that are dropped, pasted or chosen here, made small before they are sent. */

const KEPT = 32; // a search holds 16
const SIZES = [1024, 768, 512, 384];
const QUALITY = 0.9;
// Sixteen of them, a third longer in base64, stay below the 4 MB that the service takes.
const MOST_BYTES = 170_000;
const known = new Map();

/**
 * Take a picture in, and return its number.
 * @param {Blob} file
 * @throws {Error} the browser cannot read it
 */
export async function take(file) {
  const blob = await smaller(file);
  const data = await base64(blob);
  // Never one of before a reload: an address that has that means another picture.
  const id = crypto.getRandomValues(new Uint32Array(2)).join("");
  known.set(id, { url: URL.createObjectURL(blob), name: file.name || "picture", data });
  for (const [old, { url }] of [...known].slice(0, -KEPT)) {
    URL.revokeObjectURL(url);
    known.delete(old);
  }
  return id;
}

/**
 * Return a picture that was taken in: its address, its name, and its bytes in base64.
 * @param {string} id
 * @returns {{url: string, name: string, data: string} | undefined} nothing after a reload, and when
 *   many others were asked for since
 */
export function picture(id) {
  const found = known.get(id);
  if (found) {
    known.delete(id); // the one that was asked for last is kept longest
    known.set(id, found);
  }
  return found;
}

/** Return the files that are pictures, or may be, of what was dropped, pasted or chosen. */
export function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

/** Return a picture as JPEG, as large as may be sent; no tower sees more than some hundred pixels. */
async function smaller(file) {
  let whole;
  try {
    whole = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error(
      `This browser cannot read ${file.name || "this as a picture"}. Save it as JPEG or PNG.`,
    );
  }
  let blob;
  for (const longest of SIZES) {
    blob = await drawn(whole, longest);
    if (blob.size <= MOST_BYTES) break;
  }
  whole.close();
  return blob;
}

function drawn(whole, longest) {
  const scale = Math.min(1, longest / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  const paper = canvas.getContext("2d");
  paper.imageSmoothingQuality = "high";
  paper.fillStyle = "#fff"; // as the service does where a picture is transparent
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(whole, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
