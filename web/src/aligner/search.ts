import { suppress, type Edges } from "./boxes";
import { blockMean, resizeArea, type RgbImage } from "./image";
import { resizedSquares } from "./roi";

/** What a network says of fields or candidates: offsets of the four edges in fractions of the side, and scores. */
export interface Judgement {
  offsets: Float32Array;
  scores: Float32Array;
}

/** MTCNN's three networks, whatever runs them (face_alignment_3d/detection/mtcnn_stages.py). */
export interface Networks {
  /** The image -> offsets (4, h, w) and scores (h, w) of its 12 x 12 fields, and w. */
  propose(image: RgbImage): Promise<Judgement & { columns: number }>;
  /** (K, 24, 24, 3) values in 0..255 -> offsets (K, 4) and scores (K). */
  refine(crops: Float32Array): Promise<Judgement>;
  /** The same of (K, 48, 48, 3). */
  judge(crops: Float32Array): Promise<Judgement>;
}

export const SMALLEST_POSSIBLE = 12;
const STRIDE = 2;
const PYRAMID_STEP = 0.709;
const SAMPLING = 2;
const FIRST_THRESHOLDS = [0.6, 0.7];
const MAX_CANDIDATES = 4096;

/** Octave k shows 2**k pixels of the image as one. */
class Octaves {
  private readonly images: RgbImage[];

  constructor(image: RgbImage) {
    this.images = [image];
  }

  at(octave: number): RgbImage {
    while (this.images.length <= octave) this.images.push(blockMean(this.images[this.images.length - 1], 2));
    return this.images[octave];
  }
}

const octaveFor = (reduction: number) => Math.max(0, Math.floor(Math.log2(reduction)));

/** Boxes in edge coordinates (the top-left pixel spans 0 to 1) and scores of the faces, best first. */
export async function search(
  networks: Networks,
  image: RgbImage,
  smallest: number,
  lastThreshold: number,
): Promise<{ boxes: Edges[]; scores: number[] }> {
  const octaves = new Octaves(image);
  let squares = squared(await propose(networks, octaves, smallest));
  if (squares.length > 0) {
    const refined = await networks.refine(cutOut(octaves, squares, 24));
    squares = squared(survivors(squares, refined, FIRST_THRESHOLDS[1]).boxes);
  }
  if (squares.length === 0) return { boxes: [], scores: [] };
  return survivors(squares, await networks.judge(cutOut(octaves, squares, 48)), lastThreshold);
}

async function propose(networks: Networks, octaves: Octaves, smallest: number): Promise<Edges[]> {
  const { width, height } = octaves.at(0);
  const boxes: Edges[] = [];
  const scores: number[] = [];
  for (
    let reduction = smallest / SMALLEST_POSSIBLE;
    Math.min(height, width) / reduction >= SMALLEST_POSSIBLE;
    reduction /= PYRAMID_STEP
  ) {
    const octave = octaveFor(reduction);
    const source = octaves.at(octave);
    const left = reduction / 2 ** octave;
    const level = resizeArea(source, Math.round(source.width / left), Math.round(source.height / left));
    const per = [(2 ** octave * source.width) / level.width, (2 ** octave * source.height) / level.height];
    const { offsets, scores: face, columns } = await networks.propose(level);
    const cells: Edges[] = [];
    const moved: Edges[] = [];
    const found: number[] = [];
    face.forEach((score, index) => {
      if (score < FIRST_THRESHOLDS[0]) return;
      const corner = [(index % columns) * STRIDE, Math.floor(index / columns) * STRIDE];
      const cell = [1, 1, SMALLEST_POSSIBLE, SMALLEST_POSSIBLE].map(
        (size, edge) => (corner[edge % 2] + size) * per[edge % 2],
      ) as Edges;
      cells.push(cell);
      moved.push(shifted(cell, [0, 1, 2, 3].map((edge) => offsets[edge * face.length + index])));
      found.push(score);
    });
    for (const index of suppress(cells, found, 0.5)) {
      boxes.push(moved[index]);
      scores.push(found[index]);
    }
  }
  return suppress(boxes, scores, 0.7)
    .slice(0, MAX_CANDIDATES)
    .map((index) => boxes[index]);
}

function cutOut(octaves: Octaves, squares: Edges[], size: number): Float32Array {
  const crops = new Float32Array(squares.length * size * size * 3);
  const members = new Map<number, number[]>();
  squares.forEach(([x0, , x1], index) => {
    const octave = octaveFor((x1 - x0) / (SAMPLING * size));
    members.set(octave, [...(members.get(octave) ?? []), index]);
  });
  for (const [octave, indices] of members) {
    const here = indices.map((index) => squares[index].map((edge) => edge / 2 ** octave) as Edges);
    const pixels = resizedSquares(octaves.at(octave), here, size);
    const each = size * size * 3;
    indices.forEach((index, place) => crops.set(pixels.subarray(place * each, (place + 1) * each), index * each));
  }
  return crops;
}

function survivors(squares: Edges[], { offsets, scores }: Judgement, threshold: number) {
  const passed = squares.map((_, index) => index).filter((index) => scores[index] >= threshold);
  const boxes = passed.map((index) => shifted(squares[index], offsets.subarray(index * 4, index * 4 + 4)));
  const kept = suppress(boxes, passed.map((index) => scores[index]), 0.7);
  return { boxes: kept.map((index) => boxes[index]), scores: kept.map((index) => scores[passed[index]]) };
}

function shifted(box: Edges, offsets: ArrayLike<number>): Edges {
  const sides = [box[2] - box[0], box[3] - box[1]];
  return box.map((edge, index) => edge + offsets[index] * sides[index % 2]) as Edges;
}

function squared(boxes: Edges[]): Edges[] {
  return boxes.flatMap(([x0, y0, x1, y1]): Edges[] => {
    const half = Math.max(x1 - x0, y1 - y0) / 2;
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    return half > 0 ? [[x - half, y - half, x + half, y + half]] : [];
  });
}
