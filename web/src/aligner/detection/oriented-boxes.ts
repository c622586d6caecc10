import type { Edges } from "./overlap";

/** A box that is turned about its center, in edge coordinates: the top-left pixel spans 0 to 1. */
export interface OrientedBox {
  x: number;
  y: number;
  /** Sides of the box when its content stands upright. */
  width: number;
  height: number;
  /** By how much the content leans: radians, clockwise on screen. */
  roll: number;
}

/** The upright box with these edges. */
export function upright([x0, y0, x1, y1]: Edges): OrientedBox {
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, width: x1 - x0, height: y1 - y0, roll: 0 };
}

/** The box with its edges moved, by shares of the width and the height of the upright box. */
export function moved(box: OrientedBox, [x0, y0, x1, y1]: ArrayLike<number> & Iterable<number>): OrientedBox {
  const [right, down] = [((x0 + x1) / 2) * box.width, ((y0 + y1) / 2) * box.height];
  const [cosine, sine] = [Math.cos(box.roll), Math.sin(box.roll)];
  return {
    x: box.x + cosine * right - sine * down,
    y: box.y + sine * right + cosine * down,
    width: (1 + x1 - x0) * box.width,
    height: (1 + y1 - y0) * box.height,
    roll: box.roll,
  };
}

/** As large on both sides as on the longer one. */
export function squared(box: OrientedBox): OrientedBox {
  const side = Math.max(box.width, box.height, 0);
  return { ...box, width: side, height: side };
}

/** The upright box around the same face: that of the ellipse inside the turned box. */
export function around({ x, y, width, height, roll }: OrientedBox): Edges {
  const [cosine, sine] = [Math.cos(roll), Math.sin(roll)];
  const across = Math.hypot((width / 2) * cosine, (height / 2) * sine);
  const along = Math.hypot((width / 2) * sine, (height / 2) * cosine);
  return [x - across, y - along, x + across, y + along];
}
