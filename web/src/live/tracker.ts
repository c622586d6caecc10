import { boxAround, type Face, type FaceAligner3D } from "../aligner/aligner";
import type { Box } from "../aligner/crop";
import type { ImageLike } from "../aligner/image";

/** Milliseconds between two searches for new faces. */
const SEARCH_EVERY = 1000;
/** A face whose median confidence is below this was lost. */
const LOST = 0.15;

/** A face with an identity. */
export type TrackedFace = Face & { id: number };

/** Follows faces from frame to frame: each from where it last was, and new ones from a search now and then. */
export class FaceTracker {
  private faces: TrackedFace[] = [];
  private searched = -Infinity;
  private next = 0;

  constructor(private readonly aligner: FaceAligner3D) {}

  /** The faces of the next frame; `time` in milliseconds. */
  async track(image: ImageLike, time: number): Promise<TrackedFace[]> {
    const known = this.faces.map((face) => ({ id: face.id, box: boxAround(face.landmarks), roll: face.roll }));
    if (known.length === 0 || time - this.searched > SEARCH_EVERY) {
      this.searched = time;
      for (const { box, roll } of await this.aligner.detect(image)) {
        if (!known.some((one) => overlap(one.box, box) > 0.3)) known.push({ id: this.next++, box, roll });
      }
    }
    const options = { boxes: known.map(({ box }) => box), rolls: known.map(({ roll }) => roll) };
    const found = known.length === 0 ? [] : await this.aligner.align(image, options);
    const faces = found.map((face, index) => ({ ...face, id: known[index].id }));
    this.faces = faces.filter(({ confidence }) => [...confidence].sort((a, b) => a - b)[33] >= LOST);
    return this.faces;
  }
}

function overlap(a: Box, b: Box): number {
  const side = (axis: 0 | 1) => Math.max(0, Math.min(a[axis + 2], b[axis + 2]) - Math.max(a[axis], b[axis]));
  const area = ([x0, y0, x1, y1]: Box) => (x1 - x0) * (y1 - y0);
  const shared = side(0) * side(1);
  return shared / (area(a) + area(b) - shared);
}
