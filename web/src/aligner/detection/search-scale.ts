import { resizeArea, toEven, type Pixels } from "../image";

/** A photo is searched as if its longer side were at most this many times the shorter one. */
const LONGEST = 2;

/** The factor by which an image is shrunk for a search at `maxSide` pixels, 1 at most (face_alignment_3d/detection/search_scale.py). */
export function searchScale({ width, height }: Pixels, maxSide: number): number {
  return Math.min(1, maxSide / Math.min(Math.max(width, height), LONGEST * Math.min(width, height)));
}

/** The image shrunk by that factor, and how many pixels of the image each of its pixels has, in x and in y. */
export function shrunk(image: Pixels, scale: number): { picture: Pixels; perPixel: [number, number] } {
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, toEven(side * scale)));
  const picture = resizeArea(image, width, height);
  return { picture, perPixel: [image.width / width, image.height / height] };
}
