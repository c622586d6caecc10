import type { Candidate } from "./detection/detector";
import { area, few, overlapOf, overlapWithSmaller, type Edges } from "./detection/overlap";

/** Mean confidence from which on no other candidate of the same place is looked at. */
const SURE = 0.4;
const SAME_PLACE = 0.3;
const SAME_FACE = 0.6;
const PER_LOG_ODDS = 0.02;
const NEUTRAL_SCORE = 0.9;
const SCORES = [0.01, 0.999];

/** What the network says of a candidate. */
interface Looked {
  /** Around the landmarks. */
  box: Edges;
  /** The mean over the points. */
  confidence: number;
  certainty: number;
}

const logOdds = (probability: number) => Math.log(probability / (1 - probability));

/** How certain it is that a result is a face, in [0, 1] (face_alignment_3d/detection/candidate_selection.py). */
export function certaintyOf(confidence: number, score: number | null): number {
  if (score === null) return confidence;
  const clipped = Math.min(Math.max(score, SCORES[0]), SCORES[1]);
  const certainty = confidence + PER_LOG_ODDS * (logOdds(clipped) - logOdds(NEUTRAL_SCORE));
  return Math.min(Math.max(certainty, 0), 1);
}

/** The candidates to look at first: the best of each place, best first. */
export function firstLooks(candidates: Candidate[]): Candidate[] {
  const near = (one: number, other: number) => overlapOf(candidates[one].box, candidates[other].box) > SAME_PLACE;
  return few(candidates.map(({ score }) => score), near).map((index) => candidates[index]);
}

/** The candidates to look at next, given the mean confidences of those that were: all but those at the place of a sure face. */
export function secondLooks(candidates: Candidate[], lookedAt: Candidate[], confidence: number[]): Candidate[] {
  const sure = lookedAt.filter((_, index) => confidence[index] >= SURE);
  return candidates.filter(
    (one) => !lookedAt.includes(one) && !sure.some((other) => overlapOf(one.box, other.box) > SAME_PLACE),
  );
}

/** Which results are faces: of those that overlap the most confident, if it is certain enough; largest first. */
export function facesAmong<Result extends Looked>(results: Result[], minConfidence: number): Result[] {
  const near = (one: number, other: number) => overlapWithSmaller(results[one].box, results[other].box) > SAME_FACE;
  return few(results.map(({ confidence }) => confidence), near)
    .map((index) => results[index])
    .filter(({ certainty }) => certainty >= minConfidence)
    .sort((a, b) => area(b.box) - area(a.box));
}
