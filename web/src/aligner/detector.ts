import { withoutDuplicates, type Edges } from "./boxes";
import { Crop, type Box } from "./crop";
import { resizeArea, type RgbImage } from "./image";
import { search, SMALLEST_POSSIBLE, type Networks } from "./search";

/** A face that was found. */
export interface Detection {
  box: Box;
  /** In [0, 1]. */
  score: number;
  /** How far the head leans in the image plane: radians, clockwise on screen. */
  roll: number;
}

const MAX_SIDE = 640;
const SMALLEST = 20;
const LEAST_TO_ALIGN = 32;
const THRESHOLD = 0.9;
const SURE = 0.95;
const DUPLICATE_SHARE = 0.6;
const ROTATIONS = [0, 30, -30, 90, -90, 180];
/** From MTCNN's boxes to reference boxes: the center's shift and the scale, in sides of the box. */
const CALIBRATION = { shift: [0.016, 0.135], scale: [1.031, 0.767] };

/** The faces of an image, surest first (face_alignment_3d/detection/mtcnn.py). */
export async function detect(networks: Networks, image: RgbImage): Promise<Detection[]> {
  const scale = Math.min(1, MAX_SIDE / Math.max(image.width, image.height));
  const smallest = Math.max(SMALLEST, LEAST_TO_ALIGN * scale);
  const size = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
  const searched = resizeArea(image, size[0], size[1]);
  const best = (found: Detection[]) => Math.max(0, ...found.map(({ score }) => score));
  let found = await searchUpright(networks, searched, smallest);
  if (best(found) < SURE) {
    for (const degrees of ROTATIONS) {
      const turned = await searchTurned(networks, searched, smallest, degrees);
      if (best(turned) > best(found)) found = turned;
    }
  }
  const per = [image.width / searched.width, image.height / searched.height];
  return found.map((face) => ({
    ...face,
    box: face.box.map((edge, index) => (edge + 0.5) * per[index % 2] - 0.5) as Box,
  }));
}

async function searchUpright(networks: Networks, image: RgbImage, smallest: number): Promise<Detection[]> {
  const { boxes, scores } = await search(networks, image, smallest, THRESHOLD);
  return withoutDuplicates(boxes, scores, DUPLICATE_SHARE).map((index) => ({
    box: calibrated(boxes[index]),
    score: scores[index],
    roll: 0,
  }));
}

async function searchTurned(
  networks: Networks,
  image: RgbImage,
  smallest: number,
  degrees: number,
): Promise<Detection[]> {
  if (Math.min(image.width, image.height) < SMALLEST_POSSIBLE) return [];
  const side = Math.ceil(Math.hypot(image.width, image.height));
  const roll = (degrees * Math.PI) / 180;
  const copy = new Crop((image.width - 1) / 2, (image.height - 1) / 2, side, side, roll);
  const pixels = { data: copy.sample(image), width: side, height: side };
  const [cosine, sine] = [Math.cos(roll), Math.sin(roll)];
  return (await searchUpright(networks, pixels, smallest)).map(({ box: [x0, y0, x1, y1], score }) => {
    const [x, y] = copy.toImage((x0 + x1) / 2, (y0 + y1) / 2);
    const [width, height] = [(x1 - x0) / 2, (y1 - y0) / 2];
    const half = [Math.hypot(width * cosine, height * sine), Math.hypot(width * sine, height * cosine)];
    return { box: [x - half[0], y - half[1], x + half[0], y + half[1]] as Box, score, roll };
  });
}

/** A box in edge coordinates -> the reference box in pixels. */
function calibrated(box: Edges): Box {
  const sides = [box[2] - box[0], box[3] - box[1]];
  const { shift, scale } = CALIBRATION;
  return box.map((_, index) => {
    const axis = index % 2;
    const center = (box[axis] + box[axis + 2]) / 2 - 0.5 + sides[axis] * shift[axis];
    return center + ((index < 2 ? -1 : 1) * sides[axis] * scale[axis]) / 2;
  }) as Box;
}
