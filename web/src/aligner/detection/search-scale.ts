import { resizeArea, resizeLinear, toEven, type Pixels } from "../image";

/** A photo is searched as if its longer side were at most this many times the shorter one. */
const LONGEST = 2;
/** Up to this reduction the nearest 2 x 2 pixels are nearly all that a pixel covers. */
const NEARLY_ALL = 1.5;

/** The longer side of an image in pixels, or twice the shorter one. */
export function searchedSide({ width, height }: Pixels): number {
  return Math.min(Math.max(width, height), LONGEST * Math.min(width, height));
}

/** The factor by which an image is shrunk for a search at `maxSide` pixels, 1 at most (face_alignment_3d/detection/resizing.py). */
export function searchScale(image: Pixels, maxSide: number): number {
  return Math.min(1, maxSide / searchedSide(image));
}

/**
 * The image shrunk by that factor, and how many pixels of the image each of its pixels has, in x and in y: halved as often as
 * possible, then by area averaging, or if `quick` and it is not much any more, bilinear (face_alignment_3d/detection/resizing.py).
 */
export function shrunk(image: Pixels, scale: number, { quick = false } = {}): { picture: Pixels; perPixel: [number, number] } {
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, toEven(side * scale)));
  let picture = image;
  while (picture.width >= 2 * width && picture.height >= 2 * height) {
    picture = resizeLinear(picture, Math.floor(picture.width / 2), Math.floor(picture.height / 2));
  }
  if (picture.width !== width || picture.height !== height) {
    const isQuick = quick && Math.max(picture.width / width, picture.height / height) <= NEARLY_ALL;
    picture = (isQuick ? resizeLinear : resizeArea)(picture, width, height);
  }
  return { picture, perPixel: [image.width / width, image.height / height] };
}
