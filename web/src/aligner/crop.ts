import { blockMean, type RgbImage } from "./image";

/** x0, y0, x1, y1 in image pixels; (0, 0) is the center of the top-left pixel. */
export type Box = [number, number, number, number];

/** A square of the image, possibly rotated, that is resampled to size x size pixels (face_alignment_3d/crop.py). */
export class Crop {
  private readonly cosine: number;
  private readonly sine: number;
  private readonly offset: [number, number];
  /** Image pixels per crop pixel. */
  readonly scale: number;

  constructor(centerX: number, centerY: number, side: number, readonly size: number, angle = 0) {
    this.scale = side / size;
    this.cosine = Math.cos(angle) * this.scale;
    this.sine = Math.sin(angle) * this.scale;
    const middle = (size - 1) / 2;
    this.offset = [
      centerX - (this.cosine * middle - this.sine * middle),
      centerY - (this.sine * middle + this.cosine * middle),
    ];
  }

  /** The square around a face box: same center, its longer side times `scale`. */
  static around([x0, y0, x1, y1]: Box, size: number, scale: number, angle = 0): Crop {
    return new Crop((x0 + x1) / 2, (y0 + y1) / 2, Math.max(x1 - x0, y1 - y0) * scale, size, angle);
  }

  /** Crop pixels -> image pixels. */
  toImage(x: number, y: number): [number, number] {
    return [this.cosine * x - this.sine * y + this.offset[0], this.sine * x + this.cosine * y + this.offset[1]];
  }

  /** The crop's RGB bytes, bilinear; black beyond the image. Blocks of pixels are averaged first where it shrinks by 2 or more. */
  sample(image: RgbImage): Uint8Array {
    const block = Math.max(1, Math.min(Math.floor(this.scale), Math.max(image.width, image.height)));
    const [left, top, part] = this.cut(image, block);
    const result = new Uint8Array(this.size * this.size * 3);
    const place = (value: number, start: number) => (value - start + 0.5) / block - 0.5;
    for (let row = 0, to = 0; row < this.size; row += 1) {
      for (let column = 0; column < this.size; column += 1, to += 3) {
        const [x, y] = this.toImage(column, row);
        bilinear(part, place(x, left), place(y, top), result, to);
      }
    }
    return result;
  }

  /** The part of the image under the crop, averaged over blocks, and its top-left pixel in the image. */
  private cut(image: RgbImage, block: number): [number, number, RgbImage] {
    const last = this.size - 1;
    const corners = [this.toImage(0, 0), this.toImage(last, 0), this.toImage(0, last), this.toImage(last, last)];
    const span = (axis: 0 | 1, extent: number): [number, number] => {
      const values = corners.map((corner) => corner[axis]);
      const start = Math.min(Math.max(Math.floor(Math.min(...values)) - 2 * block, 0), extent - 1);
      const stop = Math.min(Math.max(Math.ceil(Math.max(...values)) + 2 * block + 1, start + 1), extent);
      return [start, stop];
    };
    const [x0, x1] = span(0, image.width);
    const [y0, y1] = span(1, image.height);
    const part: RgbImage = { data: new Uint8Array((x1 - x0) * (y1 - y0) * 3), width: x1 - x0, height: y1 - y0 };
    for (let y = y0; y < y1; y += 1) {
      const from = (y * image.width + x0) * 3;
      part.data.set(image.data.subarray(from, from + part.width * 3), (y - y0) * part.width * 3);
    }
    return [x0, y0, block > 1 ? blockMean(part, block) : part];
  }
}

function bilinear(image: RgbImage, x: number, y: number, result: Uint8Array, to: number): void {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  if (left < -1 || top < -1 || left >= image.width || top >= image.height) return;
  const [right, below] = [x - left, y - top];
  for (let channel = 0; channel < 3; channel += 1) {
    let sum = 0;
    for (let j = 0; j < 2; j += 1) {
      const row = top + j;
      if (row < 0 || row >= image.height) continue;
      for (let i = 0; i < 2; i += 1) {
        const column = left + i;
        if (column < 0 || column >= image.width) continue;
        const weight = (i ? right : 1 - right) * (j ? below : 1 - below);
        sum += weight * image.data[(row * image.width + column) * 3 + channel];
      }
    }
    result[to + channel] = Math.round(sum);
  }
}
