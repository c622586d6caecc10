import { depthColors, SEGMENTS, withCorners, type Point } from "../markup";

/** A face as pages show it. */
export interface ShownFace {
  /** The track of a video, or the place in the photo. */
  id: number;
  /** 66 rows, image pixels. */
  points: Point[];
  /** 66 in [0, 1]. */
  confidence: number[];
  /** 66 in [0, 1], the probability that the point can be seen; null where nobody knows. */
  visibility: number[] | null;
  /** Degrees; `rotation` takes canonical axes to the image's, `origin` is where they start, image pixels. */
  pose: { yaw: number; pitch: number; roll: number; rotation: number[][]; origin: Point } | null;
  /** ARKit's 52 in their order, null for those that are not known; null where they were not asked for. */
  blendshapes: (number | null)[] | null;
}

/** A face as an aligner or a server tells it. */
export interface ToldFace {
  landmarks: Point[];
  confidence: number[];
  visibility: number[] | null;
  pose: { yaw: number; pitch: number; roll: number; rotation: number[][]; translation: Point } | null;
  /** ARKit's name -> value; null for those that are not known. */
  blendshapes: Record<string, number | null> | null;
}

/** What a page shows of it. */
export function shownFace({ landmarks, confidence, visibility, pose, blendshapes }: ToldFace, id: number): ShownFace {
  return {
    id,
    points: landmarks,
    confidence,
    visibility,
    pose: pose && { ...pose, origin: pose.translation },
    blendshapes: blendshapes && Object.values(blendshapes),
  };
}

/** What of a face is shown. */
export interface Shown {
  points: boolean;
  lines: boolean;
  axes: boolean;
  numbers: boolean;
}

/** What is drawn of a face: 68 points, the last two without a dot, and its lines. */
export interface Strokes {
  points: Point[];
  colors: [number, number, number][];
  /** 0.35 where doubtful, up to 1. */
  opacity: number[];
  hidden: boolean[];
  lines: { start: number; stop: number; opacity: number }[];
}

const DOUBTFUL = [0.05, 0.3];
const FAINT = 0.35;
const VISIBLE = 0.5;

/** Points, colors and opacities by the rules of draw_landmarks in Python. */
export function strokesOf(face: ShownFace): Strokes {
  const points = withCorners(face.points) as Point[];
  const share = face.confidence.map((c) => (c - DOUBTFUL[0]) / (DOUBTFUL[1] - DOUBTFUL[0]));
  const opacity = share.map((s) => FAINT + (1 - FAINT) * Math.min(Math.max(s, 0), 1));
  const hidden = face.points.map((_, index) => face.visibility !== null && face.visibility[index] < VISIBLE);
  const strength = withCorners(opacity.map((value, index) => [hidden[index] ? FAINT : value])).flat();
  const lines = SEGMENTS.map(([start, stop]) => ({
    start,
    stop,
    opacity: Math.min(strength[start], strength[stop]),
  }));
  return { points, colors: depthColors(points.map((point) => point[2])), opacity, hidden, lines };
}

/** The root of the area of the points' bounding box, pixels; at least 1. */
export function faceSize(points: readonly Point[]): number {
  const [width, height] = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return Math.max(...values) - Math.min(...values);
  });
  return Math.max(Math.sqrt(width * height), 1);
}

/** The head's axes in the canonical frame with their colors: out of the nose, to the subject's left, down. */
export const POSE_AXES: [Point, string][] = [
  [[0, 0, -1], "#5a96ff"],
  [[1, 0, 0], "#ff5f55"],
  [[0, 1, 0], "#6ee678"],
];

/** `axis` in the canonical frame -> its direction in the image's. */
export function turned(rotation: number[][], axis: Point): Point {
  return rotation.map((row) => row[0] * axis[0] + row[1] * axis[1] + row[2] * axis[2]) as Point;
}
