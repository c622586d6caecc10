import type { Point } from "../markup";
import type { ShownFace } from "../view/face";

/** A face in the server's answers, as in the JSON files of photos and videos (docs/exports.md). */
export interface FaceRow {
  track_id?: number;
  landmarks: Point[];
  confidence: number[];
  visibility: number[] | null;
  pose: { yaw: number; pitch: number; roll: number; rotation: number[][]; translation: Point } | null;
  blendshapes: Record<string, number | null> | null;
}

/** What the page shows of a face; `place` is its place among the faces. */
export function shownFace(row: FaceRow, place: number): ShownFace {
  return {
    id: row.track_id ?? place,
    points: row.landmarks,
    confidence: row.confidence,
    visibility: row.visibility,
    pose: row.pose && { ...row.pose, origin: row.pose.translation },
    blendshapes: row.blendshapes && Object.values(row.blendshapes),
  };
}
