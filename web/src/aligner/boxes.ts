/** Boxes are x0, y0, x1, y1. */
export type Edges = [number, number, number, number];

const area = ([x0, y0, x1, y1]: Edges) => (x1 - x0) * (y1 - y0);

function shared(a: Edges, b: Edges): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Indices to keep, best score first: none for which `overlaps` is true of a better one. */
function greedy(scores: ArrayLike<number>, overlaps: (index: number, better: number) => boolean): number[] {
  const order = Array.from({ length: scores.length }, (_, index) => index).sort((a, b) => scores[b] - scores[a] || a - b);
  const kept: number[] = [];
  for (const index of order) if (!kept.some((better) => overlaps(index, better))) kept.push(index);
  return kept;
}

/** Indices to keep, best first: none overlaps a better one by more than `overlap` (IoU). */
export function suppress(boxes: Edges[], scores: ArrayLike<number>, overlap: number): number[] {
  const areas = boxes.map(area);
  return greedy(scores, (one, other) => {
    const common = shared(boxes[one], boxes[other]);
    return common > overlap * (areas[one] + areas[other] - common);
  });
}

/** Indices to keep, best first: no box has more than `share` of the smaller one's area in common with a better one. */
export function withoutDuplicates(boxes: Edges[], scores: ArrayLike<number>, share: number): number[] {
  const areas = boxes.map(area);
  return greedy(scores, (one, other) => shared(boxes[one], boxes[other]) > share * Math.min(areas[one], areas[other]));
}
