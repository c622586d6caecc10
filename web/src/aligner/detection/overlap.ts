/** x0, y0, x1, y1. */
export type Edges = [number, number, number, number];

/** The area of a box. */
export const area = ([x0, y0, x1, y1]: Edges) => (x1 - x0) * (y1 - y0);

/** Intersection over union of two boxes, in [0, 1]. */
export function overlapOf(a: Edges, b: Edges): number {
  const common = shared(a, b);
  return common / Math.max(area(a) + area(b) - common, Number.MIN_VALUE);
}

/** Intersection over the smaller of two boxes, in [0, 1]: 1 where one lies inside the other. */
export function overlapWithSmaller(a: Edges, b: Edges): number {
  return shared(a, b) / Math.max(Math.min(area(a), area(b)), Number.MIN_VALUE);
}

function shared(a: Edges, b: Edges): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Indices of scores, the highest first; equal ones in their order. */
export function bestFirst(scores: ArrayLike<number>): number[] {
  return Array.from({ length: scores.length }, (_, index) => index).sort((a, b) => scores[b] - scores[a] || a - b);
}

/** Indices to keep, best score first: those that fewer than `most` of the better ones that are kept are `near`. */
export function few(scores: ArrayLike<number>, near: (index: number, better: number) => boolean, most = 1): number[] {
  const kept: number[] = [];
  for (const index of bestFirst(scores)) {
    let count = 0;
    for (let i = 0; i < kept.length && count < most; i += 1) if (near(index, kept[i])) count += 1;
    if (count < most) kept.push(index);
  }
  return kept;
}

/** Indices to keep, best score first: none overlaps a better one of its group by more than `overlap` (IoU). */
export function suppress(boxes: Edges[], scores: ArrayLike<number>, overlap: number, groups?: number[]): number[] {
  return few(
    scores,
    (one, other) => (groups === undefined || groups[one] === groups[other]) && overlapOf(boxes[one], boxes[other]) > overlap,
  );
}
