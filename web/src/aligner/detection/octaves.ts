import { blockMean, type Pixels } from "../image";

/** Octave k of an image shows 2**k of its pixels as one, their mean (face_alignment_3d/detection/resizing.py). */
export class Octaves {
  private readonly images: Pixels[];

  constructor(image: Pixels) {
    this.images = [image];
  }

  at(octave: number): Pixels {
    while (this.images.length <= octave) this.images.push(blockMean(this.images[this.images.length - 1], 2));
    return this.images[octave];
  }
}

/** The coarsest octave that is still as fine as the image reduced by this factor. */
export const octaveFor = (reduction: number) => Math.max(0, Math.floor(Math.log2(reduction)));
