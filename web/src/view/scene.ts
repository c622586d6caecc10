import {
  BufferAttribute,
  BufferGeometry,
  CanvasTexture,
  Color,
  Group,
  PerspectiveCamera,
  Points,
  PointsMaterial,
  Scene,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { LineMaterial } from "three/examples/jsm/lines/LineMaterial.js";
import { LineSegments2 } from "three/examples/jsm/lines/LineSegments2.js";
import { LineSegmentsGeometry } from "three/examples/jsm/lines/LineSegmentsGeometry.js";
import { NAMES, type Point } from "../markup";
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
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(20, 1, 0.1, 100);
  private readonly controls: OrbitControls;
  private readonly content = new Group();
  private readonly sprites = { disk: sprite(false), ring: sprite(true) };
  private places: Vector3[] = [];
  private face: ShownFace | null = null;
  private shown: Shown = { points: true, lines: true, axes: false, numbers: false };
  private pointer: [number, number] | null = null;
  private asked = false;

  /** Fills `parent`. Throws where the browser has no WebGL. */
  constructor(private readonly parent: HTMLElement) {
    this.renderer = new WebGLRenderer({ antialias: true });
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.scene.background = BACKGROUND;
    this.scene.add(this.content);
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
    this.rebuild();
    this.redraw();
  }

  private rebuild(): void {
    for (const child of [...this.content.children] as (Points | LineSegments2)[]) {
      child.geometry.dispose();
      (child.material as PointsMaterial | LineMaterial).dispose();
      this.content.remove(child);
    }
    this.places = [];
    if (this.face === null) return;
    const strokes = strokesOf(this.face);
    const middle = [0, 1, 2].map((axis) => {
      const values = this.face!.points.map((point) => point[axis]);
      return (Math.min(...values) + Math.max(...values)) / 2;
    });
    const scale = SIZE / faceSize(this.face.points);
    const placed = ([x, y, z]: Point) =>
      new Vector3((x - middle[0]) * scale, -(y - middle[1]) * scale, -(z - middle[2]) * scale);
    const all = strokes.points.map(placed);
    this.places = all.slice(0, this.face.points.length);
    const shade = (index: number, opacity: number) => {
      const color = new Color().setRGB(...(strokes.colors[index].map((c) => c / 255) as Point), "srgb");
      return color.lerp(BACKGROUND, 1 - opacity).toArray();
    };
    if (this.shown.lines) {
      const places = strokes.lines.flatMap(({ start, stop }) => [...all[start].toArray(), ...all[stop].toArray()]);
      const colors = strokes.lines.flatMap(({ start, stop, opacity }) => [
        ...shade(start, opacity),
        ...shade(stop, opacity),
      ]);
      this.addLines(places, colors, 2.5);
    }
    if (this.shown.axes && this.face.pose !== null) {
      const { rotation, origin } = this.face.pose;
      const length = 0.45 * faceSize(this.face.points);
      const ends = POSE_AXES.map(([axis]) => turned(rotation, axis).map((v, i) => origin[i] + length * v) as Point);
      const places = ends.flatMap((end) => [...placed(origin).toArray(), ...placed(end).toArray()]);
      const colors = POSE_AXES.flatMap(([, color]) => [...new Color(color).toArray(), ...new Color(color).toArray()]);
      this.addLines(places, colors, 5);
    }
    if (this.shown.points) {
      for (const hollow of [false, true]) {
        const members = this.places.map((_, index) => index).filter((index) => strokes.hidden[index] === hollow);
        if (members.length === 0) continue;
        const geometry = new BufferGeometry();
        const places = members.flatMap((index) => this.places[index].toArray());
        const colors = members.flatMap((index) => shade(index, strokes.opacity[index]));
        geometry.setAttribute("position", new BufferAttribute(new Float32Array(places), 3));
        geometry.setAttribute("color", new BufferAttribute(new Float32Array(colors), 3));
        const material = new PointsMaterial({
          size: hollow ? 14 : 10,
          sizeAttenuation: false,
          vertexColors: true,
          map: hollow ? this.sprites.ring : this.sprites.disk,
          alphaTest: 0.4,
        });
        this.content.add(new Points(geometry, material));
      }
    }
  }

  private addLines(places: number[], colors: number[], width: number): void {
    const geometry = new LineSegmentsGeometry().setPositions(places).setColors(colors);
    this.content.add(new LineSegments2(geometry, new LineMaterial({ linewidth: width, vertexColors: true })));
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
    const size = this.renderer.getSize(new Vector2());
    if (size.x !== width || size.y !== height) {
      this.renderer.setSize(width, height);
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
    }
    this.renderer.render(this.scene, this.camera);
    this.drawLabels(width, height);
  }

  private drawLabels(width: number, height: number): void {
    const ratio = Math.min(devicePixelRatio, 2);
    this.labels.width = width * ratio;
    this.labels.height = height * ratio;
    const context = this.labels.getContext("2d")!;
    context.scale(ratio, ratio);
    const at = this.places.map((place) => {
      const { x, y } = place.clone().project(this.camera);
      return [((x + 1) / 2) * width, ((1 - y) / 2) * height];
    });
    if (this.shown.numbers) at.forEach(([x, y], index) => label(context, String(index), x + 5, y - 5, 11));
    const found = this.pointer === null ? -1 : nearest(at, this.pointer);
    this.parent.dataset.hovered = found < 0 ? "" : NAMES[found];
    if (found >= 0) label(context, `${found} ${NAMES[found]}`, at[found][0] + 8, at[found][1] - 8, 14);
  }
}

/** Index of the place that lies nearest to `pointer`, -1 where none is near. */
export function nearest(places: number[][], pointer: [number, number]): number {
  const distances = places.map(([x, y]) => Math.hypot(x - pointer[0], y - pointer[1]));
  const least = Math.min(...distances);
  return least <= NEAR ? distances.indexOf(least) : -1;
}

function sprite(hollow: boolean): CanvasTexture {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d")!;
  context.beginPath();
  context.arc(32, 32, hollow ? 23 : 30, 0, 2 * Math.PI);
  context.fillStyle = context.strokeStyle = "white";
  context.lineWidth = 14;
  if (hollow) context.stroke();
  else context.fill();
  return new CanvasTexture(canvas);
}
