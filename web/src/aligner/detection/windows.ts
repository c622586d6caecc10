import { toEven, type Part, type Pixels } from "../image";
import { around, type OrientedBox } from "./oriented-boxes";
import type { Edges } from "./overlap";

/** Sides of a window, in pixels of the fine search. */
const SIDE = 160;
/** A face lies well in a window when the box around it, so many times as large, lies in it. */
const CONTEXT = 2;
/** Windows of together more than this part of the image take about as long as all of it. */
const MOST = 0.5;

/** True for a box, in edge coordinates of the image, that this part does not cut; what the image cuts does not count. */
export function holds({ x0, y0, x1, y1 }: Part, [left, top, right, bottom]: Edges, { width, height }: Pixels): boolean {
  return (
    (x0 === 0 || left >= x0) && (y0 === 0 || top >= y0) && (x1 === width || right <= x1) && (y1 === height || bottom <= y1)
  );
}

/**
 * Parts of the image, all of one size, that hold all boxes with room around each (face_alignment_3d/detection/scout/windows.py);
 * undefined where one would cut a face, or where all of them take longer than the whole image.
 */
export function windowsAround(boxes: OrientedBox[], image: Pixels, scale: number): Part[] | undefined {
  const side = toEven(SIDE / scale);
  const [across, down] = [Math.min(side, image.width), Math.min(side, image.height)];
  const windows: Part[] = [];
  for (const box of boxes) {
    const [left, top, right, bottom] = around(box);
    const [halfX, halfY] = [(CONTEXT / 2) * (right - left), (CONTEXT / 2) * (bottom - top)];
    const roomy: Edges = [box.x - halfX, box.y - halfY, box.x + halfX, box.y + halfY];
    if (windows.some((window) => holds(window, roomy, image))) continue;
    const x0 = toEven(Math.min(Math.max(box.x - across / 2, 0), image.width - across));
    const y0 = toEven(Math.min(Math.max(box.y - down / 2, 0), image.height - down));
    const window = { x0, y0, x1: x0 + across, y1: y0 + down };
    if (!holds(window, roomy, image)) return undefined;
    windows.push(window);
    if (windows.length * across * down > MOST * image.width * image.height) return undefined;
  }
  return windows;
}
