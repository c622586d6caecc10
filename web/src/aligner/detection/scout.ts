import type { InferenceSession } from "onnxruntime-web/wasm";
import type { Box } from "../crop";
import { cutOut, type Part, type Pixels } from "../image";
import type { Runtime } from "../runtime";
import type { Candidate, Detector } from "./detector";
import { around } from "./oriented-boxes";
import { decoded, withoutDoubles, type Scouted, type ScoutLayout } from "./scout-decoding";
import { searchedSide, searchScale, shrunk } from "./search-scale";
import { holds, windowsAround } from "./windows";

/** What models.json says of this detector. */
export interface ScoutInfo extends ScoutLayout {
  name: "scout";
  file: string;
  /** The lowest score of a face. */
  threshold: number;
  /** When and how finely a photo is searched (face_alignment_3d/detection/scout/search.py). */
  search: {
    coarse_side: number;
    fine_side: number;
    suspicion: number;
    small: number;
    sure: number;
    large: number;
    beside_large: number;
  };
}

/** A fine search that enlarges the photo by less than this against the coarse one tells nothing new. */
const FINER = 1.1;
/** Sides in pixels of the photo: smaller boxes hold no face to align. */
const LEAST = 2;
/** A face of at least this score that leans less than this, in radians, is taken to be level. */
const CERTAIN = 0.8;
const LEVEL = (10 * Math.PI) / 180;

/** The scout: one network that says where heads are and how they lean (face_alignment_3d/detection/scout). */
export class Scout implements Detector {
  private constructor(
    private readonly ort: Runtime["ort"],
    private readonly session: InferenceSession,
    private readonly info: ScoutInfo,
  ) {}

  /** `open` opens the graph of a file. */
  static async load({ ort }: Runtime, info: ScoutInfo, open: (file: string) => Promise<InferenceSession>): Promise<Scout> {
    return new Scout(ort, await open(info.file), info);
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  /** It looks at all angles at once, so it takes as long for upright heads alone. */
  async detect(image: Pixels): Promise<Candidate[]> {
    const { search, threshold } = this.info;
    const [coarse, fine] = [searchScale(image, search.coarse_side), searchScale(image, search.fine_side)];
    const isFiner = fine > FINER * coarse;
    const noted = await this.searched(image, coarse, Math.min(search.suspicion, threshold), { quick: true });
    const noteworthy = this.least(noted, image, isFiner);
    const found = noted.filter(({ score }) => score >= noteworthy);
    for (const part of isFiner ? this.fineParts(found, image, coarse, fine) : []) {
      // A window was made for a suspect, and shows it better: what scores less than one is none.
      const isWhole = part.x1 - part.x0 === image.width && part.y1 - part.y0 === image.height;
      const least = isWhole ? threshold : Math.max(threshold, search.suspicion);
      const inPart = await this.searched(cutOut(image, part), fine, least);
      for (const { box, score } of inPart) {
        const inImage = { ...box, x: box.x + part.x0, y: box.y + part.y0 };
        if (holds(part, around(inImage), image)) found.push({ box: inImage, score });
      }
    }
    return withoutDoubles(found.filter(({ score }) => score >= threshold))
      .map(({ box, score }) => ({ box: around(box).map((edge) => edge - 0.5) as Box, score, roll: leveled(box.roll, score) }))
      .filter(({ box: [x0, y0, x1, y1] }) => Math.min(x1 - x0, y1 - y0) >= LEAST);
  }

  /** The lowest score in the coarse search that counts; `isFiner`: a finer one is possible. */
  private least(noted: Scouted[], image: Pixels, isFiner: boolean): number {
    const { suspicion, sure, large, beside_large: besideLarge } = this.info.search;
    // The fine search, where one is possible, tells more of what scores less than a suspect.
    const least = isFiner ? suspicion : this.info.threshold;
    const side = large * searchedSide(image);
    const isLarge = noted.some(({ box, score }) => score >= sure && Math.sqrt(box.width * box.height) >= side);
    return isLarge ? Math.max(least, besideLarge) : least;
  }

  /** The parts of the image to search finely, given what the coarse search found. */
  private fineParts(found: Scouted[], image: Pixels, coarse: number, fine: number): Part[] {
    const { small, sure } = this.info.search;
    const whole = [{ x0: 0, y0: 0, x1: image.width, y1: image.height }];
    if (!found.some(({ score }) => score >= sure)) return whole;
    const suspected = found.filter(({ box }) => Math.sqrt(box.width * box.height) * coarse < small);
    return windowsAround(suspected.map(({ box }) => box), image, fine) ?? whole;
  }

  /** The faces of an image that is searched at a scale, in pixels of the image. */
  private async searched(image: Pixels, scale: number, threshold: number, how: { quick?: boolean } = {}): Promise<Scouted[]> {
    const { picture, perPixel } = shrunk(image, scale, how);
    const canvas = padded(picture, Math.max(...this.info.strides));
    const pictures = new this.ort.Tensor("uint8", canvas.data, [1, canvas.height, canvas.width, 3]);
    const { cells } = await this.session.run({ pictures });
    const faces = decoded(cells.data as Float32Array, canvas.width, canvas.height, this.info, threshold);
    // Width and height may differ by a rounding; sides take the mean of both.
    const size = Math.sqrt(perPixel[0] * perPixel[1]);
    return faces.map(({ box, score }) => ({
      box: { x: box.x * perPixel[0], y: box.y * perPixel[1], width: box.width * size, height: box.height * size, roll: box.roll },
      score,
    }));
  }
}

/** The angle; 0 for a certain face that leans too little to matter. */
const leveled = (roll: number, score: number) => (score >= CERTAIN && Math.abs(roll) < LEVEL ? 0 : roll);

/** The picture with black at its right and bottom, up to sides that are multiples of `multiple`; RGB. */
function padded(picture: Pixels, multiple: number) {
  const [width, height] = [picture.width, picture.height].map((side) => Math.ceil(side / multiple) * multiple);
  const data = new Uint8Array(width * height * 3);
  const { data: from, channels } = picture;
  for (let row = 0, at = 0; row < picture.height; row += 1) {
    for (let column = 0, to = row * width * 3; column < picture.width; column += 1, at += channels, to += 3) {
      data[to] = from[at];
      data[to + 1] = from[at + 1];
      data[to + 2] = from[at + 2];
    }
  }
  return { data, width, height };
}
