import type { Point } from "../markup";

/** The pose of a head: image = scale * canonical turned by rotation + translation (docs/coordinates.md). */
export interface HeadPose {
  /** Degrees in (-180, 180]; positive: the nose points to the image's right. */
  yaw: number;
  /** Degrees in [-90, 90]; positive: the nose points down. */
  pitch: number;
  /** Degrees in (-180, 180]; positive: the head leans clockwise as seen on screen. */
  roll: number;
  /** 3 x 3, from the canonical frame to the image's. */
  rotation: number[][];
  /** Image pixels for the distance between the outer eye corners. */
  scale: number;
  /** Where the canonical origin, midway between the outer eye corners, lies: image pixels. */
  translation: Point;
}

/** The mean face, 66 rows in the canonical frame, and how much each of its points counts. */
export interface PoseReference {
  mean_face: Point[];
  weights: number[];
}

/** The second largest extent of a face over its largest, below which the points are a line. */
const FLATNESS = 1e-6;
const GIMBAL_LOCK = 1e-7;

/** The pose of 66 landmarks (face_alignment_3d/pose/head_pose.py); null where they have none: not finite, or on a line. */
export function poseOf(landmarks: readonly Point[], { mean_face, weights }: PoseReference): HeadPose | null {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((weight) => weight / total);
  const [from, to] = [mean(mean_face, shares), mean(landmarks, shares)];
  const covariance = [0, 1, 2].map((i) =>
    [0, 1, 2].map((j) => shares.reduce((sum, share, k) => sum + share * (landmarks[k][i] - to[i]) * (mean_face[k][j] - from[j]), 0)),
  );
  if (!covariance.flat().every(Number.isFinite) || isLine(covariance)) return null;
  const rotation = nearestRotation(covariance);
  const spread = shares.reduce((sum, share, k) => sum + share * from.reduce((all, m, i) => all + (mean_face[k][i] - m) ** 2, 0), 0);
  const scale = rotation.reduce((sum, row, i) => sum + row.reduce((part, value, j) => part + value * covariance[i][j], 0), 0) / spread;
  const translation = to.map((value, i) => value - scale * dot(rotation[i], from)) as Point;
  return { ...anglesOf(rotation), rotation, scale, translation };
}

/** 66 landmarks without pose and scale, in the canonical frame. */
export function canonicalPoints(landmarks: readonly Point[], { rotation, scale, translation }: HeadPose): Point[] {
  return landmarks.map((point) => {
    const [x, y, z] = point.map((value, i) => (value - translation[i]) / scale);
    return [0, 1, 2].map((j) => x * rotation[0][j] + y * rotation[1][j] + z * rotation[2][j]) as Point;
  });
}

function mean(points: readonly Point[], shares: number[]): Point {
  return [0, 1, 2].map((axis) => shares.reduce((sum, share, k) => sum + share * points[k][axis], 0)) as Point;
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);

function isLine(covariance: number[][]): boolean {
  const gram = [0, 1, 2].map((i) => [0, 1, 2].map((j) => dot(covariance[i], covariance[j])));
  const [largest, second] = eigen(gram).values.sort((a, b) => b - a).map((value) => Math.sqrt(Math.max(value, 0)));
  return !(second > FLATNESS * Math.max(largest, Number.MIN_VALUE));
}

/** The rotation R for which trace(R^T C) is largest, from the quaternion of Horn (1987). */
function nearestRotation(c: number[][]): number[][] {
  const quaternions = [
    [c[0][0] + c[1][1] + c[2][2], c[2][1] - c[1][2], c[0][2] - c[2][0], c[1][0] - c[0][1]],
    [c[2][1] - c[1][2], c[0][0] - c[1][1] - c[2][2], c[0][1] + c[1][0], c[0][2] + c[2][0]],
    [c[0][2] - c[2][0], c[0][1] + c[1][0], c[1][1] - c[0][0] - c[2][2], c[1][2] + c[2][1]],
    [c[1][0] - c[0][1], c[0][2] + c[2][0], c[1][2] + c[2][1], c[2][2] - c[0][0] - c[1][1]],
  ];
  const { values, vectors } = eigen(quaternions);
  const best = values.indexOf(Math.max(...values));
  const [w, x, y, z] = vectors.map((row) => row[best]);
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
}

/** Eigenvalues and eigenvectors (columns) of a symmetric matrix: Jacobi's rotations. */
function eigen(symmetric: number[][]): { values: number[]; vectors: number[][] } {
  const a = symmetric.map((row) => [...row]);
  const size = a.length;
  const vectors = a.map((_, i) => a.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < 12; sweep += 1) {
    for (let p = 0; p < size; p += 1) {
      for (let q = p + 1; q < size; q += 1) {
        if (a[p][q] === 0) continue;
        const angle = Math.atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        const turn = (row: number[]) => ([row[p], row[q]] = [cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]]);
        for (const row of [...a, ...vectors]) turn(row);
        [a[p], a[q]] = [a[p].map((v, i) => cosine * v - sine * a[q][i]), a[p].map((v, i) => sine * v + cosine * a[q][i])];
      }
    }
  }
  return { values: a.map((row, i) => row[i]), vectors };
}

function anglesOf(r: number[][]): { yaw: number; pitch: number; roll: number } {
  const side = r[2][2] < 0 ? -1 : 1;
  const cosine = Math.hypot(r[2][1], r[2][2]);
  const degrees = (radians: number) => (radians * 180) / Math.PI;
  if (cosine < GIMBAL_LOCK) {
    return { yaw: degrees(Math.atan2(r[2][0], 0)), pitch: 0, roll: degrees(Math.atan2(-r[0][1], r[1][1])) };
  }
  return {
    yaw: degrees(Math.atan2(r[2][0], side * cosine)),
    pitch: degrees(Math.atan2(side * r[2][1], side * r[2][2])),
    roll: degrees(Math.atan2(side * r[1][0], side * r[0][0])),
  };
}
