/** The 66-point markup, the same as face_alignment_3d/markup.py and markup68.py. */

/** x, y, z: image pixels, x right, y down, z away from the camera. */
export type Point = [number, number, number];

/** Face part, its first point, one past its last, and whether its last joins its first. */
const GROUPS: [string, number, number, boolean][] = [
  ["jaw", 0, 17, false],
  ["right_brow", 17, 22, false],
  ["left_brow", 22, 27, false],
  ["nose_bridge", 27, 31, false],
  ["nose_base", 31, 36, false],
  ["right_eye", 36, 42, true],
  ["left_eye", 42, 48, true],
  ["outer_lips", 48, 60, true],
  ["inner_lips", 60, 66, true],
];

/** A name for each of the 66 points: its face part and its place in it, such as "left_eye_3". */
export const NAMES: string[] = GROUPS.flatMap(([name, start, stop]) =>
  Array.from({ length: stop - start }, (_, place) => `${name}_${place}`),
);

/** Indices of the inner mouth corners among the 68 of {@link withCorners}. */
const RIGHT_CORNER = 66;
const LEFT_CORNER = 67;

/** How far from the outer mouth corner the inner one lies on the way to the middle of its neighbors. */
const INWARDS = 0.194;

/** For each derived point: the outer corner, and its neighbors on the inner lips. */
const SOURCES: [number, number, number][] = [
  [48, 60, 65],
  [54, 62, 63],
];

/** 66 rows and behind them the two inner mouth corners, derived from their neighbors. */
export function withCorners(rows: readonly number[][]): number[][] {
  const derived = SOURCES.map(([corner, above, below]) =>
    rows[corner].map((value, axis) => value + INWARDS * ((rows[above][axis] + rows[below][axis]) / 2 - value)),
  );
  return [...rows, ...derived];
}

/** Pairs of indices among the points of {@link withCorners} that are joined by a line. */
export const SEGMENTS: [number, number][] = GROUPS.flatMap(([name, start, stop, closed]) => {
  const line = Array.from({ length: stop - start }, (_, place) => start + place);
  if (name === "inner_lips") line.splice(3, 0, LEFT_CORNER), line.unshift(RIGHT_CORNER);
  if (closed) line.push(line[0]);
  return line.slice(1).map((index, before): [number, number] => [line[before], index]);
});

/** RGB in 0..255 from far to near. */
const DEPTH_COLORS: [number, number, number][] = [
  [60, 100, 255],
  [205, 100, 230],
  [255, 150, 100],
  [255, 242, 120],
];

/** z of points -> RGB in 0..255 of each, the nearest yellow and the farthest blue. */
export function depthColors(z: readonly number[]): [number, number, number][] {
  const near = Math.min(...z);
  const range = Math.max(Math.max(...z) - near, 1e-6);
  return z.map((value) => {
    const place = (1 - (value - near) / range) * (DEPTH_COLORS.length - 1);
    const below = Math.min(Math.floor(place), DEPTH_COLORS.length - 2);
    const mix = (channel: number) =>
      DEPTH_COLORS[below][channel] +
      (place - below) * (DEPTH_COLORS[below + 1][channel] - DEPTH_COLORS[below][channel]);
    return [mix(0), mix(1), mix(2)];
  });
}
