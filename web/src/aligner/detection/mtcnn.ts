import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import { Crop, type Box } from "../crop";
import type { Pixels } from "../image";
import type { Runtime } from "../runtime";
import type { Candidate, Detector } from "./detector";
import { Octaves, octaveFor } from "./octaves";
import { around, moved, squared, upright, type OrientedBox } from "./oriented-boxes";
import { few, overlapOf, suppress } from "./overlap";
import { propose } from "./proposals";
import { searchScale, shrunk } from "./search-scale";

/** What models.json says of this detector. */
export interface MtcnnInfo {
  name: "mtcnn";
  files: { proposal: string; refinement: string; output: string };
  /** From its boxes to reference boxes: the center's shift and the scale, in sides of the box. */
  calibration: { shift: [number, number]; scale: [number, number] };
  threshold: number;
}

interface Judgement {
  /** (K, 4). */
  offsets: Float32Array;
  /** (K,). */
  scores: Float32Array;
}

const MAX_SIDE = 640;
const SMALLEST = 20;
const LEAST_TO_ALIGN = 32;
const FIRST_THRESHOLDS = [0.6, 0.7];
const SAMPLING = 2;
const MAX_TURNED = 128;
const WORTH_TURNING = 0.5;
const BATCHES = [256, 128, 64, 32, 16, 8];
const OF_ONE_FACE = 3;
const SAME_PLACE = 0.4;
const SIZES = { refinement: 24, output: 48 };

/** MTCNN, at any angle: three networks with few candidates of each place (face_alignment_3d/detection/mtcnn_stages.py). */
export class Mtcnn implements Detector {
  private constructor(
    private readonly ort: Runtime["ort"],
    private readonly sessions: Record<keyof MtcnnInfo["files"], InferenceSession>,
    private readonly info: MtcnnInfo,
  ) {}

  /** `open` opens the graph of a file. */
  static async load({ ort }: Runtime, info: MtcnnInfo, open: (file: string) => Promise<InferenceSession>): Promise<Mtcnn> {
    const { proposal, refinement, output } = info.files;
    const sessions = { proposal: await open(proposal), refinement: await open(refinement), output: await open(output) };
    return new Mtcnn(ort, sessions, info);
  }

  async release(): Promise<void> {
    for (const session of Object.values(this.sessions)) await session.release();
  }

  async detect(image: Pixels, anyAngle: boolean): Promise<Candidate[]> {
    const scale = searchScale(image, MAX_SIDE);
    const { picture: searched, perPixel } = shrunk(image, scale);
    const found = await this.search(searched, Math.max(SMALLEST, LEAST_TO_ALIGN * scale), anyAngle);
    return found.map(({ box, score }) => ({
      box: around(this.calibrated(box)).map((edge, index) => edge * perPixel[index % 2] - 0.5) as Box,
      score,
      roll: Math.atan2(Math.sin(box.roll), Math.cos(box.roll)),
    }));
  }

  private calibrated(box: OrientedBox): OrientedBox {
    const { shift, scale } = this.info.calibration;
    return moved(box, [0, 1, 2, 3].map((edge) => shift[edge % 2] + ((edge < 2 ? -1 : 1) * (scale[edge % 2] - 1)) / 2));
  }

  private async search(image: Pixels, smallest: number, anyAngle: boolean) {
    const octaves = new Octaves(image);
    const proposed = await propose((canvas) => this.propose(canvas), octaves, smallest, FIRST_THRESHOLDS[0]);
    const candidates = proposed.map((edges) => squared(upright(edges))).filter(({ width }) => width > 0);
    const refined = anyAngle
      ? await this.refineAtAnyAngle(octaves, candidates)
      : passed(candidates, await this.run("refinement", cutOut(octaves, candidates, SIZES.refinement)), FIRST_THRESHOLDS[1], 0.6);
    const squares = refined.map(({ box }) => squared(box));
    const judged = await this.run("output", cutOut(octaves, squares, SIZES.output));
    const found = passed(squares, judged, this.info.threshold, SAME_PLACE);
    const edges = found.map(({ box }) => around(box));
    const near = (one: number, other: number) => overlapOf(edges[one], edges[other]) > SAME_PLACE;
    return few(found.map(({ score }) => score), near, OF_ONE_FACE).map((index) => found[index]);
  }

  /** The second stage: first in quarter turns; between them where one of these looks like a face. */
  private async refineAtAnyAngle(octaves: Octaves, candidates: OrientedBox[]) {
    const side = SIZES.refinement;
    const each = side * side * 3;
    const straight = cutOut(octaves, candidates, side);
    const order = candidates.map((_, index) => -index);
    const fewer = suppress(candidates.map(around), order, 0.5).slice(0, MAX_TURNED);
    const ofFewer = joined(fewer.map((index) => straight.subarray(index * each, (index + 1) * each)));
    const quarters = [1, 2, 3].map((turn) => turned(ofFewer, side, turn));
    const coarse = [...candidates, ...[1, 2, 3].flatMap((turn) => leaning(fewer.map((i) => candidates[i]), (turn * Math.PI) / 2))];
    const first = await this.run("refinement", joined([straight, ...quarters]));
    const worth = fewer.filter((index, place) => {
      const scores = [0, 1, 2].map((turn) => first.scores[candidates.length + turn * fewer.length + place]);
      return Math.max(first.scores[index], ...scores) >= WORTH_TURNING;
    });
    const worthy = worth.map((index) => candidates[index]);
    const diagonal = cutOut(octaves, leaning(worthy, Math.PI / 4), side);
    const second = await this.run("refinement", joined([0, 1, 2, 3].map((turn) => turned(diagonal, side, turn))));
    const fine = [0, 1, 2, 3].flatMap((turn) => leaning(worthy, (turn * Math.PI) / 2 + Math.PI / 4));
    const all = { offsets: joined([first.offsets, second.offsets]), scores: joined([first.scores, second.scores]) };
    return passed([...coarse, ...fine], all, FIRST_THRESHOLDS[1], 0.6);
  }

  private async propose({ data, width, height }: Pixels) {
    const { offsets, scores } = await this.sessions.proposal.run({ pixels: new this.ort.Tensor("uint8", data as Uint8Array, [height, width, 3]) });
    const [rows, columns] = scores.dims;
    return { offsets: values(offsets), scores: values(scores), rows, columns };
  }

  /** What a network says of crops (K, side, side, 3). Batches have few sizes, so that runs need few amounts of memory. */
  private async run(stage: "refinement" | "output", crops: Float32Array): Promise<Judgement> {
    const side = SIZES[stage];
    const each = side * side * 3;
    const count = crops.length / each;
    const judgement = { offsets: new Float32Array(4 * count), scores: new Float32Array(count) };
    for (let start = 0; start < count; ) {
      const size = BATCHES.find((batch) => batch <= count - start) ?? BATCHES[BATCHES.length - 1];
      const batch = new Float32Array(size * each);
      const stop = Math.min(start + size, count);
      batch.set(crops.subarray(start * each, stop * each));
      const { offsets, scores } = await this.sessions[stage].run({ pixels: new this.ort.Tensor("float32", batch, [size, side, side, 3]) });
      judgement.offsets.set(values(offsets).subarray(0, 4 * (stop - start)), 4 * start);
      judgement.scores.set(values(scores).subarray(0, stop - start), start);
      start = stop;
    }
    return judgement;
  }
}

const values = (tensor: Tensor) => tensor.data as Float32Array;

const leaning = (boxes: OrientedBox[], roll: number) => boxes.map((box) => ({ ...box, roll }));

/** What stands upright in K squares, (K, size, size, 3); beyond the image there is black. */
function cutOut(octaves: Octaves, squares: OrientedBox[], size: number): Float32Array {
  const samples = SAMPLING * size;
  const fine = new Uint8Array(samples * samples * 3);
  const crops = new Float32Array(squares.length * size * size * 3);
  const below = samples * 3;
  let to = 0;
  for (const { x, y, width, roll } of squares) {
    const octave = octaveFor(Math.max(1, width / samples));
    const smaller = 2 ** octave;
    new Crop(x / smaller - 0.5, y / smaller - 0.5, width / smaller, samples, roll).sample(octaves.at(octave), fine);
    for (let row = 0; row < size; row += 1) {
      for (let column = 0, at = 2 * row * below; column < size; column += 1, at += 3) {
        for (let channel = 0; channel < 3; channel += 1, at += 1, to += 1) {
          crops[to] = (fine[at] + fine[at + 3] + fine[at + below] + fine[at + below + 3] + 2) >> 2;
        }
      }
    }
  }
  return crops;
}

/** Crops (K, side, side, 3), each turned by so many quarters, counterclockwise. */
function turned(crops: Float32Array, side: number, quarters: number): Float32Array {
  if (quarters === 0) return crops;
  const result = new Float32Array(crops.length);
  const last = side - 1;
  const from = { 1: (i: number, j: number) => [j, last - i], 2: (i: number, j: number) => [last - i, last - j], 3: (i: number, j: number) => [last - j, i] }[quarters]!;
  const places = new Int32Array(side * side);
  for (let i = 0; i < side; i += 1) {
    for (let j = 0; j < side; j += 1) {
      const [row, column] = from(i, j);
      places[i * side + j] = row * side + column;
    }
  }
  for (let start = 0, to = 0; start < crops.length; start += 3 * places.length) {
    for (const place of places) {
      for (let channel = 0; channel < 3; channel += 1, to += 1) result[to] = crops[start + 3 * place + channel];
    }
  }
  return result;
}

function joined(parts: Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** What a later stage keeps of its candidates, moved, best first: at each angle none overlaps a better one by more. */
function passed(squares: OrientedBox[], { offsets, scores }: Judgement, threshold: number, overlap: number) {
  const enough = squares.map((_, index) => index).filter((index) => scores[index] >= threshold);
  const boxes = enough.map((index) => moved(squares[index], offsets.subarray(4 * index, 4 * index + 4)));
  const own = enough.map((index) => scores[index]);
  return suppress(boxes.map(around), own, overlap, boxes.map(({ roll }) => roll))
    .map((index) => ({ box: boxes[index], score: own[index] }))
    .filter(({ box }) => Math.min(box.width, box.height) > 0);
}
