/** The page that face-alignment-3d view writes: a photo or a video beside its faces in three dimensions. */

import { FaceDisplay } from "../view/display";
import { faceSize, type ShownFace } from "../view/face";
import { find } from "../view/page";

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
const slider = find<HTMLInputElement>("time");
const play = find<HTMLButtonElement>("play");
const display = new FaceDisplay();
const pictures = new Map<number, HTMLImageElement>();
const ids = [...new Set(data.frames.flatMap((frame) => frame.faces.map((face) => face.id)))].sort((a, b) => a - b);
/** The last picture that was there: shown while that of a frame is decoded, so that films do not flicker. */
let latest: HTMLImageElement | null = null;
let current = 0;
let playing = false;

function load(index: number): HTMLImageElement | null {
  const source = data.frames[index]?.picture ?? null;
  if (source === null) return null;
  let image = pictures.get(index);
  if (image === undefined) {
    image = new Image();
    image.addEventListener("load", () => index === current && show(index));
    image.src = source;
    pictures.set(index, image);
  }
  return image;
}

function picture(index: number): HTMLImageElement | null {
  const image = load(index);
  if (image === null) return null;
  if (image.complete) latest = image;
  return latest;
}

function show(index: number): void {
  current = index;
  const frame = data.frames[index];
  const faces = frame?.faces ?? [];
  slider.value = String(index);
  find("clock").textContent = `${(frame?.time ?? 0).toFixed(2)} s`;
  display.show({ picture: picture(index), width: data.width, height: data.height, faces });
  for (const next of [1, 2, 3]) load(index + next);
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
display.name(data.blendshapes);
display.offer(ids);
find("message").hidden = ids.length > 0;
find("film").hidden = data.frames.length < 2;
slider.max = String(data.frames.length - 1);
slider.addEventListener("input", () => {
  if (playing) start();
  show(Number(slider.value));
});
play.addEventListener("click", start);
addEventListener("keydown", (event) => {
  if (data.frames.length < 2 || event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  if (event.key === " " && !(event.target instanceof HTMLButtonElement)) start();
  if (event.key === "ArrowRight") move(1);
  if (event.key === "ArrowLeft") move(-1);
});
const first = data.frames[0]?.faces[0];
find<HTMLInputElement>("close").checked =
  data.frames.length === 1 && first !== undefined && 4 * faceSize(first.points) < Math.min(data.width, data.height);
show(0);
