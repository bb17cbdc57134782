// Pictures of the visitor's own.

import { make } from "./page.js";

const MAX_PIXELS = 50e6; // that are decoded here; phones take pictures of that size
const MIN_SIDE = 16; // pixels
const MAX_RATIO = 4; // of the sides of what is sent: a world takes the middle of a longer picture
const SENT_SIDE = 512; // pixels: the most on the larger side of what is sent

/** A picture as a data URI, turned as its EXIF data says, cut and shrunk: the original stays on this machine. */
export async function shrink(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Error("That file is not a picture this browser can read. Use PNG, JPEG or WebP.");
  }
  const { width, height } = bitmap;
  const size = `That picture has ${width} x ${height} pixels`;
  if (width * height > MAX_PIXELS) throw new Error(`${size}, more than ${MAX_PIXELS / 1e6} megapixels. Use a smaller one.`);
  if (Math.min(width, height) < MIN_SIDE) throw new Error(`${size}. Use one with at least ${MIN_SIDE} on each side.`);
  const [cutWidth, cutHeight] = [Math.min(width, MAX_RATIO * height), Math.min(height, MAX_RATIO * width)];
  const scale = Math.min(1, SENT_SIDE / Math.max(cutWidth, cutHeight));
  const canvas = make("canvas", { width: Math.round(cutWidth * scale), height: Math.round(cutHeight * scale) });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white"; // under what is transparent
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const [left, top] = [(width - cutWidth) / 2, (height - cutHeight) / 2];
  pen.drawImage(bitmap, left, top, cutWidth, cutHeight, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.92);
}
