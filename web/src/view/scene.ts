import { Color, PerspectiveCamera, Scene, SRGBColorSpace, Vector2, Vector3, WebGLRenderer } from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { NAMES, SEGMENTS, type Point } from "../markup";
import { Dots, Lines, sprite } from "./drawables";
import { faceSize, POSE_AXES, strokesOf, turned, type Shown, type ShownFace } from "./face";
import { label } from "./overlay";

const BACKGROUND = new Color("#14161d");
const DISTANCE = 6;
/** A face is this high in the scene. */
const SIZE = 1.3;
/** Pixels within which a point is named. */
const NEAR = 12;

/** An interactive view of one face in three dimensions: orbit, zoom, pan, names on hover. Draws when something changes. */
export class FaceScene {
  private readonly renderer: WebGLRenderer;
  private readonly labels = document.createElement("canvas");
  private hasLabels = false;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(20, 1, 0.1, 100);
  private readonly controls: OrbitControls;
  private readonly color = new Color();
  private readonly lines = new Lines(SEGMENTS.length, 2.5);
  private readonly axes = new Lines(POSE_AXES.length, 5);
  /** Those that can be seen, and those that cannot. */
  private readonly points = [new Dots(NAMES.length, 10, sprite(false)), new Dots(NAMES.length, 14, sprite(true))];
  private readonly projected = new Vector3();
  private readonly size = new Vector2();
  private places: Point[] = [];
  private face: ShownFace | null = null;
  private shown: Shown = { points: true, lines: true, axes: false, numbers: false };
  private pointer: [number, number] | null = null;
  private asked = false;

  /** Fills `parent`. Throws where the browser has no WebGL. */
  constructor(private readonly parent: HTMLElement) {
    this.renderer = new WebGLRenderer({ antialias: true });
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.scene.background = BACKGROUND;
    this.scene.add(this.lines, this.axes, ...this.points);
    this.labels.className = "labels";
    parent.append(this.renderer.domElement, this.labels);
    this.controls = new OrbitControls(this.camera, this.renderer.domElement);
    this.controls.minDistance = DISTANCE / 5;
    this.controls.maxDistance = DISTANCE * 4;
    this.controls.addEventListener("change", () => this.redraw());
    this.renderer.domElement.addEventListener("pointermove", (event) => {
      this.pointer = [event.offsetX, event.offsetY];
      this.redraw();
    });
    this.renderer.domElement.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.redraw();
    });
    new ResizeObserver(() => this.redraw()).observe(parent);
    this.reset();
  }

  /** A scene in `parent`; where the browser has no WebGL, null and a note there that says so. */
  static open(parent: HTMLElement): FaceScene | null {
    try {
      return new FaceScene(parent);
    } catch {
      const note = document.createElement("p");
      note.textContent = "This browser has no WebGL, which the 3D view needs.";
      parent.append(note);
      return null;
    }
  }

  /** The view as the photo was taken. */
  reset(): void {
    this.controls.target.set(0, 0, 0);
    this.camera.position.set(0, 0, DISTANCE);
    this.controls.update();
    this.redraw();
  }

  /** Turns the view by these degrees around the vertical and the horizontal axis, from the front. */
  turn(yaw: number, pitch: number): void {
    const [a, b] = [(yaw * Math.PI) / 180, (pitch * Math.PI) / 180];
    this.camera.position.set(Math.sin(a) * Math.cos(b), Math.sin(b), Math.cos(a) * Math.cos(b));
    this.camera.position.multiplyScalar(DISTANCE);
    this.controls.update();
    this.redraw();
  }

  /** Shows a face, or nothing. */
  show(face: ShownFace | null, shown: Shown): void {
    this.face = face;
    this.shown = { ...shown };
    this.update();
    this.redraw();
  }

  private update(): void {
    const { face, shown } = this;
    this.places = [];
    for (const part of [this.lines, this.axes, ...this.points]) part.visible = false;
    if (face === null) return;
    const strokes = strokesOf(face);
    const middle = [0, 1, 2].map((axis) => {
      const values = face.points.map((point) => point[axis]);
      return (Math.min(...values) + Math.max(...values)) / 2;
    });
    const size = faceSize(face.points);
    const placed = (point: Point): Point => {
      const [x, y, z] = point.map((value, axis) => ((value - middle[axis]) * SIZE) / size);
      return [x, -y, -z];
    };
    const all = strokes.points.map(placed);
    this.places = all.slice(0, face.points.length);
    const shade = (index: number, opacity: number) => {
      const [r, g, b] = strokes.colors[index].map((value) => value / 255);
      return this.color.setRGB(r, g, b, SRGBColorSpace).lerp(BACKGROUND, 1 - opacity).toArray();
    };
    if (shown.lines) {
      this.lines.set(
        strokes.lines.flatMap(({ start, stop }) => [...all[start], ...all[stop]]),
        strokes.lines.flatMap(({ start, stop, opacity }) => [...shade(start, opacity), ...shade(stop, opacity)]),
      );
    }
    if (shown.axes && face.pose !== null) {
      const { rotation, origin } = face.pose;
      const ends = POSE_AXES.map(([axis]) => turned(rotation, axis).map((v, i) => origin[i] + 0.45 * size * v) as Point);
      this.axes.set(
        ends.flatMap((end) => [...placed(origin), ...placed(end)]),
        POSE_AXES.flatMap(([, color]) => [...this.color.set(color).toArray(), ...this.color.set(color).toArray()]),
      );
    }
    if (!shown.points) return;
    for (const [index, dots] of this.points.entries()) {
      const members = face.points.map((_, place) => place).filter((place) => strokes.hidden[place] === (index === 1));
      dots.set(
        members.flatMap((place) => all[place]),
        members.flatMap((place) => shade(place, strokes.opacity[place])),
      );
    }
  }

  private redraw(): void {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  private draw(): void {
    const [width, height] = [this.parent.clientWidth, this.parent.clientHeight];
    if (width === 0 || height === 0) return;
    const size = this.renderer.getSize(this.size);
    if (size.x !== width || size.y !== height) {
      this.renderer.setSize(width, height);
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
    }
    this.renderer.render(this.scene, this.camera);
    this.drawLabels(width, height);
  }

  private drawLabels(width: number, height: number): void {
    const at = this.places.map((place) => {
      const { x, y } = this.projected.set(...place).project(this.camera);
      return [((x + 1) / 2) * width, ((1 - y) / 2) * height];
    });
    const found = this.pointer === null ? -1 : nearest(at, this.pointer);
    this.parent.dataset.hovered = found < 0 ? "" : NAMES[found];
    const isLabeled = this.places.length > 0 && (this.shown.numbers || found >= 0);
    if (!isLabeled && !this.hasLabels) return;
    this.hasLabels = isLabeled;
    const ratio = Math.min(devicePixelRatio, 2);
    this.labels.width = width * ratio;
    this.labels.height = height * ratio;
    const context = this.labels.getContext("2d")!;
    context.scale(ratio, ratio);
    if (this.shown.numbers) at.forEach(([x, y], index) => label(context, String(index), x + 5, y - 5, 11));
    if (found >= 0) label(context, `${found} ${NAMES[found]}`, at[found][0] + 8, at[found][1] - 8, 14);
  }
}

/** Index of the place that lies nearest to `pointer`, -1 where none is near. */
export function nearest(places: number[][], pointer: [number, number]): number {
  const distances = places.map(([x, y]) => Math.hypot(x - pointer[0], y - pointer[1]));
  const least = Math.min(...distances);
  return least <= NEAR ? distances.indexOf(least) : -1;
}
