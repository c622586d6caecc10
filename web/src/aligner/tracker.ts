import type { Point } from "../markup";
import { boxAround, type Face, type FaceAligner3D } from "./aligner";
import type { Box } from "./crop";
import { overlapOf } from "./detection/overlap";
import type { ImageLike } from "./image";

/** Milliseconds between two searches for new faces: while there is a face, and while there is none. */
const SEARCH_EVERY = { followed: 2000, alone: 250 };
/** A face whose mean confidence is below this was lost. */
const LOST = 0.3;
/** Candidates that overlap with a face that is followed by more than this are that face. */
const KNOWN = 0.3;
/** Of two faces that overlap by more than this, the one that has been followed for longer stays. */
const SAME_FACE = 0.5;
/** Degrees from which on a head that leans is aligned in a leveled crop. */
const LEVELED_FROM = 20;

/** A face with an identity. */
export type TrackedFace = Face & { id: number };

/** Follows the faces of one camera or video: each from where it last was, and new ones from a search now and then. */
export class FaceTracker {
  private faces: TrackedFace[] = [];
  private searched = -Infinity;
  private next = 0;

  constructor(private readonly aligner: FaceAligner3D) {}

  /** The faces of the next frame; `time` in milliseconds. */
  async track(image: ImageLike, time: number): Promise<TrackedFace[]> {
    const followed = await this.follow(image);
    const every = followed.length === 0 ? SEARCH_EVERY.alone : SEARCH_EVERY.followed;
    const isDue = time - this.searched >= every;
    this.faces = isDue ? [...followed, ...(await this.search(image, time, followed))] : followed;
    return this.faces;
  }

  private async follow(image: ImageLike): Promise<TrackedFace[]> {
    if (this.faces.length === 0) return [];
    const places = this.faces.map(placeOf);
    const found = await this.aligner.align(image, {
      boxes: places.map(({ box }) => box),
      rolls: places.map(({ roll }) => roll),
    });
    const followed: TrackedFace[] = [];
    found.forEach((face, index) => {
      const box = boxAround(face.landmarks);
      const isDouble = followed.some((other) => overlapOf(boxAround(other.landmarks), box) > SAME_FACE);
      if (face.certainty >= LOST && !isDouble) followed.push({ ...face, id: this.faces[index].id });
    });
    return followed;
  }

  private async search(image: ImageLike, time: number, followed: TrackedFace[]): Promise<TrackedFace[]> {
    this.searched = time;
    // Heads that lie are looked for only where there is nothing else to do: it takes twice as long.
    const candidates = await this.aligner.detect(image, { anyAngle: followed.length === 0 });
    const known = followed.map(({ landmarks }) => boxAround(landmarks));
    const fresh = candidates.filter(({ box }) => !known.some((one) => overlapOf(one, box) > KNOWN));
    const faces = fresh.length === 0 ? [] : await this.aligner.judge(image, fresh);
    return faces
      .filter(({ landmarks }) => !known.some((one) => overlapOf(one, boxAround(landmarks)) > KNOWN))
      .map((face) => ({ ...face, id: this.next++ }));
  }
}

/** Where to look for a face in the next frame: the box that is tight when its head is leveled, and by how much it leans. */
export function placeOf({ landmarks, pose }: Face): { box: Box; roll: number } {
  if (pose === null || Math.abs(pose.roll) <= LEVELED_FROM) return { box: boxAround(landmarks), roll: 0 };
  const roll = (pose.roll * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(roll), Math.sin(roll)];
  const [x0, y0, x1, y1] = boxAround(landmarks.map(([x, y, z]): Point => [cosine * x + sine * y, cosine * y - sine * x, z]));
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const center = [cosine * x - sine * y, sine * x + cosine * y];
  const [width, height] = [(x1 - x0) / 2, (y1 - y0) / 2];
  return { box: [center[0] - width, center[1] - height, center[0] + width, center[1] + height], roll };
}
