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
/** A face whose box overlaps with where it was by less than this has moved far. */
const NEAR = 0.7;
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
    const found = await this.alignAt(image, places);
    // The network sees a face that moved far at the border of its crop: it is aligned again, from where it is now.
    const far = found.map((_, index) => index).filter((index) => hasMoved(found[index], places[index]));
    const again = await this.alignAt(image, far.map((index) => placeOf(found[index])));
    far.forEach((index, place) => (found[index] = again[place]));
    const followed: TrackedFace[] = [];
    found.forEach((face, index) => {
      const box = boxAround(face.landmarks);
      const isDouble = followed.some((other) => overlapOf(boxAround(other.landmarks), box) > SAME_FACE);
      if (face.certainty >= LOST && !isDouble) followed.push({ ...face, id: this.faces[index].id });
    });
    return followed;
  }

  private async alignAt(image: ImageLike, places: Place[]): Promise<Face[]> {
    if (places.length === 0) return [];
    return this.aligner.align(image, { boxes: places.map(({ box }) => box), rolls: places.map(({ roll }) => roll) });
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

/** A box that is tight when its head is leveled, and by how much the head leans: radians, clockwise on screen. */
interface Place {
  box: Box;
  roll: number;
}

function hasMoved(face: Face, place: Place): boolean {
  return face.certainty >= LOST && overlapOf(placeOf(face).box, place.box) < NEAR;
}

/** Where to look for a face in the next frame. */
export function placeOf({ landmarks, pose }: Face): Place {
  if (pose === null || Math.abs(pose.roll) <= LEVELED_FROM) return { box: boxAround(landmarks), roll: 0 };
  const roll = (pose.roll * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(roll), Math.sin(roll)];
  const [x0, y0, x1, y1] = boxAround(landmarks.map(([x, y, z]): Point => [cosine * x + sine * y, cosine * y - sine * x, z]));
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const center = [cosine * x - sine * y, sine * x + cosine * y];
  const [width, height] = [(x1 - x0) / 2, (y1 - y0) / 2];
  return { box: [center[0] - width, center[1] - height, center[0] + width, center[1] + height], roll };
}
