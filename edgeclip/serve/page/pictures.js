/** Pictures: those that are dropped, pasted or chosen here, made small before they are sent. */

const LONGEST = 1024;
const QUALITY = 0.9;
const known = new Map();
let count = 0;

/**
 * Take a picture in, and return its number in this page.
 * @param {Blob} file
 * @throws {Error} the browser cannot read it
 */
export async function take(file) {
  const blob = await smaller(file);
  const id = `${(count += 1)}`;
  known.set(id, {
    url: URL.createObjectURL(blob),
    name: file.name || "picture",
    data: await base64(blob),
  });
  return id;
}

/**
 * Return a picture that was taken in: its address, its name, and its bytes in base64.
 * @param {string} id
 * @returns {{url: string, name: string, data: string} | undefined} nothing after a reload
 */
export const picture = (id) => known.get(id);

/** Return the files that are pictures, or may be, of what was dropped, pasted or chosen. */
export function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

async function smaller(file) {
  let whole;
  try {
    whole = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error(
      `This browser cannot read ${file.name || "this as a picture"}. Save it as JPEG or PNG.`,
    );
  }
  const scale = Math.min(1, LONGEST / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  const paper = canvas.getContext("2d");
  paper.imageSmoothingQuality = "high";
  paper.fillStyle = "#fff"; // as the service does where a picture is transparent
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
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
