import type { Edges } from "./boxes";
import type { RgbImage } from "./image";

/** Pixels of one axis that an output pixel sees, and the weight of each. */
type Taps = { index: number; weight: number }[];

/** Squares in edge coordinates as (K, size, size, 3) values: RoIAlign with adaptive sampling (face_alignment_3d/detection/roi.py). */
export function resizedSquares(image: RgbImage, squares: Edges[], size: number): Float32Array {
  const result = new Float32Array(squares.length * size * size * 3);
  squares.forEach(([x0, y0, x1], square) => {
    const columns = taps(x0, x1 - x0, size, image.width);
    const rows = taps(y0, x1 - x0, size, image.height);
    const cache = new Map<number, Float32Array>();
    const reduced = (row: number) => {
      let line = cache.get(row);
      if (line === undefined) cache.set(row, (line = reducedRow(image, row, columns)));
      return line;
    };
    for (let row = 0; row < size; row += 1) {
      const to = (square * size + row) * size * 3;
      for (const { index, weight } of rows[row]) {
        const line = reduced(index);
        for (let i = 0; i < line.length; i += 1) result[to + i] += weight * line[i];
      }
    }
  });
  return result;
}

function reducedRow(image: RgbImage, row: number, columns: Taps[]): Float32Array {
  const line = new Float32Array(columns.length * 3);
  columns.forEach((seen, column) => {
    for (const { index, weight } of seen) {
      const from = (row * image.width + index) * 3;
      for (let channel = 0; channel < 3; channel += 1) line[column * 3 + channel] += weight * image.data[from + channel];
    }
  });
  return line;
}

function taps(low: number, side: number, size: number, length: number): Taps[] {
  const grid = Math.ceil(side / size);
  const samples = size * grid;
  return Array.from({ length: size }, (_, output) => {
    const weights = new Map<number, number>();
    for (let i = output * grid; i < (output + 1) * grid; i += 1) {
      const position = low - 0.5 + (side * (i + 0.5)) / samples;
      if (position < -1 || position > length) continue;
      const inside = Math.min(Math.max(position, 0), length - 1);
      const before = Math.floor(inside);
      const after = Math.min(before + 1, length - 1);
      weights.set(before, (weights.get(before) ?? 0) + (1 - (inside - before)) / grid);
      weights.set(after, (weights.get(after) ?? 0) + (inside - before) / grid);
    }
    return [...weights].map(([index, weight]) => ({ index, weight }));
  });
}
