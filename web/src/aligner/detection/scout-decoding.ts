import { around, type OrientedBox } from "./oriented-boxes";
import { suppress } from "./overlap";

/** Where the network's cells are, and what it says of them (face_alignment_3d/detection/scout/layout.py). */
export interface ScoutLayout {
  /** Pixels between the cells of each level, finest first. */
  strides: number[];
  /** A box of zeros has sides of so many strides. */
  unit_strides: number;
}

/** A face that was found. */
export interface Scouted {
  box: OrientedBox;
  /** In [0, 1]. */
  score: number;
}

/** Of each cell: the score's logit, the center's x and y, the logarithms of width and height, the direction's x and y. */
const CHANNELS = 7;
/** Logarithm of a side over its unit that no face reaches. */
const MOST_LOG_SIDE = 5;
/** Intersection over union from which on two boxes are of one face. */
const SAME_FACE = 0.4;

/**
 * The faces in the network's `output` (N, 7) for a picture of that size, best first; boxes in pixels of the picture, edge
 * coordinates (face_alignment_3d/detection/scout/decoding.py). `threshold` is the lowest score, in (0, 1).
 */
export function decoded(output: Float32Array, width: number, height: number, { strides, unit_strides: unit }: ScoutLayout, threshold: number): Scouted[] {
  const least = Math.log(threshold / (1 - threshold));
  const found: Scouted[] = [];
  let at = 0;
  for (const stride of strides) {
    const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1, at += CHANNELS) {
        if (!(output[at] >= least)) continue;
        const [logit, x, y, wide, high, right, down] = output.subarray(at, at + CHANNELS);
        const side = (log: number) => Math.exp(Math.min(Math.max(log, -MOST_LOG_SIDE), MOST_LOG_SIDE)) * unit * stride;
        found.push({
          box: {
            x: (column + 0.5 + x) * stride,
            y: (row + 0.5 + y) * stride,
            width: side(wide),
            height: side(high),
            roll: Math.atan2(down, right),
          },
          score: 1 / (1 + Math.exp(-logit)),
        });
      }
    }
  }
  return withoutDoubles(found);
}

/** One of each face: the best, best first. */
export function withoutDoubles(found: Scouted[]): Scouted[] {
  const edges = found.map(({ box }) => around(box));
  const scores = found.map(({ score }) => score);
  return suppress(edges, scores, SAME_FACE).map((index) => found[index]);
}
