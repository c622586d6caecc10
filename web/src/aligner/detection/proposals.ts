import { resizeArea, toEven, type Pixels } from "../image";
import { octaveFor, type Octaves } from "./octaves";
import { suppress, type Edges } from "./overlap";

/** What the first network says of the 12 x 12 fields of an image: offsets (4, h, w) and scores (h, w). */
export interface Fields {
  offsets: Float32Array;
  scores: Float32Array;
  rows: number;
  columns: number;
}

/** Side in pixels of what the first network sees. */
export const FIELD = 12;
const STRIDE = 2;
const STEP = 0.709;
/** Pixels by which a field may lie outside the picture, where there is black: faces are cut by the border. */
const BEYOND = 4;
const LEAST_SIDE = 8;
/** Longest side of what lies on a canvas in one piece. */
const PIECE = 448;
const CANVAS_WIDTH = 1024;
const MULTIPLE = 64;
const MOST = 4096;

/** A part of the image at one scale. */
interface Piece {
  picture: Pixels;
  /** Its first pixel in the picture. */
  x: number;
  y: number;
  width: number;
  height: number;
  /** Image pixels for each pixel of the picture, in x and in y. */
  perPixel: [number, number];
}

/** A piece and its first pixel on a canvas. */
interface Placed {
  piece: Piece;
  x: number;
  y: number;
}

/**
 * Squares of an image that may be faces, in edge coordinates, best first (face_alignment_3d/detection/proposals.py). The
 * image is looked at on many scales, whose pictures lie side by side on canvases of few sizes.
 */
export async function propose(
  network: (canvas: Pixels) => Promise<Fields>,
  octaves: Octaves,
  smallest: number,
  threshold: number,
): Promise<Edges[]> {
  const boxes: Edges[] = [];
  const scores: number[] = [];
  for (const { placed, canvas } of canvases(pieces(octaves, smallest / FIELD))) {
    const fields = await network(canvas);
    for (const place of placed) {
      const found = proposalsOf(fields, place, threshold);
      boxes.push(...found.boxes);
      scores.push(...found.scores);
    }
  }
  return suppress(boxes, scores, 0.7)
    .slice(0, MOST)
    .map((index) => boxes[index]);
}

function proposalsOf({ offsets, scores, rows, columns }: Fields, { piece, x, y }: Placed, threshold: number) {
  const first = (at: number) => (at - BEYOND) / STRIDE;
  const end = (at: number, side: number, limit: number) =>
    Math.min(Math.floor((at + side + BEYOND - FIELD) / STRIDE) + 1, limit);
  const cells: Edges[] = [];
  const seen: number[] = [];
  const places: number[] = [];
  for (let row = first(y); row < end(y, piece.height, rows); row += 1) {
    for (let column = first(x); column < end(x, piece.width, columns); column += 1) {
      const score = scores[row * columns + column];
      if (score < threshold) continue;
      const left = (column - first(x)) * STRIDE - BEYOND + piece.x;
      const top = (row - first(y)) * STRIDE - BEYOND + piece.y;
      const [wide, high] = piece.perPixel;
      cells.push([(left + 1) * wide, (top + 1) * high, (left + FIELD) * wide, (top + FIELD) * high]);
      seen.push(score);
      places.push(row * columns + column);
    }
  }
  const kept = suppress(cells, seen, 0.5);
  return {
    boxes: kept.map((index) => {
      const cell = cells[index];
      const sides = [cell[2] - cell[0], cell[3] - cell[1]];
      return cell.map((edge, i) => edge + offsets[i * rows * columns + places[index]] * sides[i % 2]) as Edges;
    }),
    scores: kept.map((index) => seen[index]),
  };
}

function pieces(octaves: Octaves, first: number): Piece[] {
  const { width, height } = octaves.at(0);
  const result: Piece[] = [];
  // Neighbors share a field, less what may lie outside, so that none is lost between them.
  const step = PIECE - FIELD;
  for (let reduction = first; Math.min(width, height) / reduction >= LEAST_SIDE; reduction /= STEP) {
    const octave = octaveFor(reduction);
    const source = octaves.at(octave);
    const left = reduction / 2 ** octave;
    const picture = resizeArea(source, toEven(source.width / left), toEven(source.height / left));
    const perPixel: [number, number] = [
      (2 ** octave * source.width) / picture.width,
      (2 ** octave * source.height) / picture.height,
    ];
    for (let y = 0; y < Math.max(1, picture.height - FIELD); y += step) {
      for (let x = 0; x < Math.max(1, picture.width - FIELD); x += step) {
        const size = { width: Math.min(PIECE, picture.width - x), height: Math.min(PIECE, picture.height - y) };
        result.push({ picture, x, y, ...size, perPixel });
      }
    }
  }
  return result;
}

/** Pieces packed in columns, black between them. */
function* canvases(pieces: Piece[]): Generator<{ placed: Placed[]; canvas: Pixels }> {
  let waiting = [...pieces].sort((a, b) => b.height - a.height);
  while (waiting.length > 0) {
    const height = up(waiting[0].height + 2 * BEYOND, MULTIPLE);
    const columns: { x: number; width: number; used: number }[] = [];
    const placed: Placed[] = [];
    const left: Piece[] = [];
    let end = 0;
    for (const piece of waiting) {
      // Fields start at even pixels.
      const [tall, wide] = [up(piece.height + BEYOND, STRIDE), up(piece.width + BEYOND, STRIDE)];
      let column = columns.find(({ width, used }) => wide <= width && used + tall + BEYOND <= height);
      if (column === undefined) {
        if (end + wide + BEYOND > CANVAS_WIDTH) {
          left.push(piece);
          continue;
        }
        columns.push((column = { x: end, width: wide, used: 0 }));
        end += wide;
      }
      placed.push({ piece, x: column.x + BEYOND, y: column.used + BEYOND });
      column.used += tall;
    }
    yield { placed, canvas: painted(placed, up(end + BEYOND, MULTIPLE), height) };
    waiting = left;
  }
}

function painted(placed: Placed[], width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (const { piece, x, y } of placed) {
    const { data: from, width: stride, channels } = piece.picture;
    for (let row = 0; row < piece.height; row += 1) {
      let at = ((piece.y + row) * stride + piece.x) * channels;
      let to = ((y + row) * width + x) * 3;
      for (let column = 0; column < piece.width; column += 1, at += channels, to += 3) {
        data[to] = from[at];
        data[to + 1] = from[at + 1];
        data[to + 2] = from[at + 2];
      }
    }
  }
  return { data, width, height, channels: 3 };
}

const up = (value: number, multiple: number) => Math.ceil(value / multiple) * multiple;
