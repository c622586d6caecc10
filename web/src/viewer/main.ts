/** The page that face-alignment-3d view writes: a photo or a video beside its faces in three dimensions. */

import type { Point } from "../markup";
import { faceSize, type Shown, type ShownFace } from "../view/face";
import { drawFace } from "../view/overlay";
import { FacePanel } from "../view/panel";
import { FaceScene } from "../view/scene";

/** What Python writes into the page (face_alignment_3d/view/page.py). */
interface PageData {
  title: string;
  /** Of the frame of reference that points are in, in pixels. */
  width: number;
  height: number;
  blendshapes: string[];
  frames: { time: number; picture: string | null; faces: ShownFace[] }[];
}

const data = JSON.parse(document.getElementById("data")!.textContent!) as PageData;
const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const slider = find<HTMLInputElement>("time");
const chooser = find<HTMLSelectElement>("face");
const play = find<HTMLButtonElement>("play");
const photo = find<HTMLDivElement>("photo");
const canvas = photo.querySelector("canvas")!;
const panel = new FacePanel(find("panel"), data.blendshapes);
const pictures = new Map<number, HTMLImageElement>();
const ids = [...new Set(data.frames.flatMap((frame) => frame.faces.map((face) => face.id)))].sort((a, b) => a - b);
const scene = openScene();
let current = 0;
let playing = false;

function openScene(): FaceScene | null {
  try {
    return new FaceScene(find("space"));
  } catch {
    const note = document.createElement("p");
    note.textContent = "This browser has no WebGL, which the 3D view needs.";
    find("space").append(note);
    return null;
  }
}

function shown(): Shown {
  const is = (name: string) => find<HTMLInputElement>(name).checked;
  return { points: is("points"), lines: is("lines"), axes: is("axes"), numbers: is("numbers") };
}

function picture(index: number): HTMLImageElement | null {
  const source = data.frames[index]?.picture ?? null;
  if (source === null) return null;
  let image = pictures.get(index);
  if (image === undefined) {
    image = new Image();
    image.addEventListener("load", () => index === current && drawPhoto());
    image.src = source;
    pictures.set(index, image);
  }
  return image;
}

function chosenFace(): ShownFace | null {
  return data.frames[current]?.faces.find((one) => String(one.id) === chooser.value) ?? null;
}

/** The part of the picture that is shown: x, y, width and height in its pixels. */
function part(): [number, number, number, number] {
  const face = chosenFace();
  if (!find<HTMLInputElement>("close").checked || face === null) return [0, 0, data.width, data.height];
  const side = 1.9 * faceSize(face.points);
  const corner = [0, 1].map((axis) => {
    const values = face.points.map((point) => point[axis]);
    return (Math.min(...values) + Math.max(...values)) / 2 - side / 2;
  });
  return [corner[0], corner[1], side, side];
}

function drawPhoto(): void {
  const [left, top, wide, high] = part();
  const fit = Math.min(photo.clientWidth / wide, photo.clientHeight / high);
  const ratio = Math.min(devicePixelRatio, 2);
  const [width, height] = [wide * fit, high * fit];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d")!;
  const image = picture(current);
  context.fillStyle = "#1a1d26";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const scale = canvas.width / wide;
  context.translate(-left * scale, -top * scale);
  if (image?.complete) context.drawImage(image, 0, 0, data.width * scale, data.height * scale);
  for (const face of data.frames[current]?.faces ?? []) drawFace(context, face, shown(), scale);
}

function show(index: number): void {
  current = index;
  const frame = data.frames[index];
  const face = chosenFace();
  slider.value = String(index);
  find("clock").textContent = `${(frame?.time ?? 0).toFixed(2)} s`;
  drawPhoto();
  picture(index + 1);
  scene?.show(face, shown());
  panel.show(face);
  document.body.dataset.frame = String(index);
}

function start(): void {
  playing = !playing;
  play.textContent = playing ? "Pause" : "Play";
  if (!playing) return;
  if (current === data.frames.length - 1) show(0);
  const began = performance.now() / 1000 - data.frames[current].time;
  const step = () => {
    if (!playing) return;
    const time = performance.now() / 1000 - began;
    let next = current;
    while (next + 1 < data.frames.length && data.frames[next + 1].time <= time) next += 1;
    if (next !== current) show(next);
    if (next === data.frames.length - 1) start();
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function move(by: number): void {
  show(Math.min(Math.max(current + by, 0), data.frames.length - 1));
}

find("title").textContent = data.title;
chooser.replaceChildren(...ids.map((id) => new Option(`face ${id}`, String(id))));
find("faces").hidden = ids.length < 2;
find("message").hidden = ids.length > 0;
find("film").hidden = data.frames.length < 2;
slider.max = String(data.frames.length - 1);
slider.addEventListener("input", () => {
  if (playing) start();
  show(Number(slider.value));
});
play.addEventListener("click", start);
find("reset").addEventListener("click", () => scene?.reset());
for (const name of ["points", "lines", "axes", "numbers", "close", "face"]) {
  find(name).addEventListener("change", () => show(current));
}
addEventListener("keydown", (event) => {
  if (data.frames.length < 2 || event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  if (event.key === " " && !(event.target instanceof HTMLButtonElement)) start();
  if (event.key === "ArrowRight") move(1);
  if (event.key === "ArrowLeft") move(-1);
});
const first = data.frames[0]?.faces[0];
find<HTMLInputElement>("close").checked =
  data.frames.length === 1 && first !== undefined && 4 * faceSize(first.points) < Math.min(data.width, data.height);
new ResizeObserver(drawPhoto).observe(photo);
show(0);

export type { PageData, Point };
