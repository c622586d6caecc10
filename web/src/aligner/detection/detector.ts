import type { Box } from "../crop";
import type { Pixels } from "../image";

/** What may be a face: the network that finds landmarks judges it. */
export interface Candidate {
  box: Box;
  /** In [0, 1]. */
  score: number;
  /** How far the head leans in the image plane: radians, clockwise on screen. */
  roll: number;
}

/** Finds candidates in images. A face may come several times, at different angles. */
export interface Detector {
  /** Candidates, surest first; boxes in pixels of the image, possibly beyond it. `anyAngle` looks for heads that lie, too. */
  detect(image: Pixels, anyAngle: boolean): Promise<Candidate[]>;
  /** Frees its memory. */
  release(): Promise<void>;
}
