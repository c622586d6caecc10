import { blockMean, type Pixels } from "./image";

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

  /**
   * Writes the crop's RGB bytes, bilinear, into `result` from `start` on; black beyond the image. Blocks of pixels are
   * averaged first where it shrinks by 2 or more.
   */
  sample(image: Pixels, result: Uint8Array, start = 0): void {
    const block = Math.max(1, Math.min(Math.floor(this.scale), Math.max(image.width, image.height)));
    const [left, top, part] = block > 1 ? this.reduced(image, block) : [0, 0, image];
    const [a, b] = [this.cosine / block, this.sine / block];
    const x0 = (this.offset[0] - left + 0.5) / block - 0.5;
    const y0 = (this.offset[1] - top + 0.5) / block - 0.5;
    const { data, width, height, channels } = part;
    const below = width * channels;
    for (let row = 0, to = start; row < this.size; row += 1) {
      for (let column = 0; column < this.size; column += 1, to += 3) {
        const x = a * column - b * row + x0;
        const y = b * column + a * row + y0;
        const [column0, row0] = [Math.floor(x), Math.floor(y)];
        const [right, down] = [x - column0, y - row0];
        const [w00, w01, w10, w11] = [(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down];
        const at = (row0 * width + column0) * channels;
        if (column0 >= 0 && row0 >= 0 && column0 + 1 < width && row0 + 1 < height) {
          for (let c = 0, i = at; c < 3; c += 1, i += 1) {
            result[to + c] =
              w00 * data[i] + w01 * data[i + channels] + w10 * data[i + below] + w11 * data[i + below + channels] + 0.5;
          }
        } else if (column0 < -1 || row0 < -1 || column0 >= width || row0 >= height) {
          result.fill(0, to, to + 3);
        } else {
          const [hasLeft, hasRight] = [column0 >= 0, column0 + 1 < width];
          const [hasTop, hasBottom] = [row0 >= 0, row0 + 1 < height];
          for (let c = 0, i = at; c < 3; c += 1, i += 1) {
            let sum = 0.5;
            if (hasTop && hasLeft) sum += w00 * data[i];
            if (hasTop && hasRight) sum += w01 * data[i + channels];
            if (hasBottom && hasLeft) sum += w10 * data[i + below];
            if (hasBottom && hasRight) sum += w11 * data[i + below + channels];
            result[to + c] = sum;
          }
        }
      }
    }
  }

  /** The part of the image under the crop, averaged over blocks, and its top-left pixel in the image. */
  private reduced(image: Pixels, block: number): [number, number, Pixels] {
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
    return [x0, y0, blockMean(image, block, { x0, y0, x1, y1 })];
  }
}
