import { faceSize, POSE_AXES, strokesOf, turned, type Shown, type ShownFace } from "./face";

const RIM = "#0c0e18";

/** Draws a face over its picture; `scale` are canvas pixels for a pixel of the picture. */
export function drawFace(context: CanvasRenderingContext2D, face: ShownFace, shown: Shown, scale: number): void {
  const strokes = strokesOf(face);
  const size = faceSize(face.points) * scale;
  const width = Math.max(size / 110, 1);
  const rim = Math.max(size / 260, 0.5);
  const at = strokes.points.map(([x, y]): [number, number] => [(x + 0.5) * scale, (y + 0.5) * scale]);
  const color = (index: number) => `rgb(${strokes.colors[index].map(Math.round).join(" ")})`;
  context.lineCap = "round";
  const line = (start: [number, number], stop: [number, number], fill: string | CanvasGradient, wide: number) => {
    for (const [style, extra] of [[RIM, 2 * rim], [fill, 0]] as const) {
      context.strokeStyle = style;
      context.lineWidth = wide + extra;
      context.beginPath();
      context.moveTo(...start);
      context.lineTo(...stop);
      context.stroke();
    }
  };
  if (shown.lines) {
    const far = (index: number) => strokes.points[strokes.lines[index].start][2];
    const order = strokes.lines.map((_, index) => index).sort((a, b) => far(b) - far(a));
    for (const index of order) {
      const { start, stop, opacity } = strokes.lines[index];
      const gradient = context.createLinearGradient(...at[start], ...at[stop]);
      gradient.addColorStop(0, color(start));
      gradient.addColorStop(1, color(stop));
      context.globalAlpha = opacity;
      line(at[start], at[stop], gradient, width);
    }
  }
  if (shown.points) {
    const order = face.points.map((_, index) => index).sort((a, b) => face.points[b][2] - face.points[a][2]);
    for (const index of order) {
      context.globalAlpha = strokes.opacity[index];
      const hollow = strokes.hidden[index];
      const radius = Math.max(size / 85, 1.2) * (hollow ? 1.4 : 1);
      context.beginPath();
      context.arc(...at[index], radius, 0, 2 * Math.PI);
      context.lineWidth = hollow ? 2 * rim + radius / 2 : 2 * rim;
      context.strokeStyle = RIM;
      context.stroke();
      if (hollow) {
        context.lineWidth = radius / 2;
        context.strokeStyle = color(index);
        context.stroke();
      } else {
        context.fillStyle = color(index);
        context.fill();
      }
    }
  }
  context.globalAlpha = 1;
  if (shown.axes && face.pose !== null) {
    const { rotation, origin } = face.pose;
    const length = 0.45 * faceSize(face.points);
    const start: [number, number] = [(origin[0] + 0.5) * scale, (origin[1] + 0.5) * scale];
    const tips = POSE_AXES.map(([axis, fill]) => ({ fill, tip: turned(rotation, axis) }));
    for (const { fill, tip } of tips.sort((a, b) => b.tip[2] - a.tip[2])) {
      line(start, [start[0] + tip[0] * length * scale, start[1] + tip[1] * length * scale], fill, 2 * width);
    }
  }
  if (shown.numbers) {
    const height = Math.min(Math.max(size / 32, 8), 14);
    face.points.forEach((_, index) => label(context, String(index), at[index][0] + 3, at[index][1] - 3, height));
  }
}

/** Text with a dark rim, its baseline's left end at x, y. */
export function label(context: CanvasRenderingContext2D, text: string, x: number, y: number, height: number): void {
  context.font = `${height}px system-ui, sans-serif`;
  context.lineJoin = "round";
  context.lineWidth = height / 4;
  context.strokeStyle = RIM;
  context.strokeText(text, x, y);
  context.fillStyle = "#f4f4f4";
  context.fillText(text, x, y);
}
