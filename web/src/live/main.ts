/** The page that aligns a camera or a photo in the browser. */

import { FaceAligner3D } from "../aligner/aligner";
import type { ShownFace } from "../view/face";
import { drawFace } from "../view/overlay";
import { FaceScene } from "../view/scene";
import { FaceTracker, type TrackedFace } from "./tracker";

const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const canvas = find<HTMLCanvasElement>("picture");
const context = canvas.getContext("2d")!;
const video = document.createElement("video");
const status = find("status");
let aligner: FaceAligner3D;
let scene: FaceScene | null = null;
/** Which source is shown; work for an earlier one ends. */
let turn = 0;

function say(text: string, state: string): void {
  status.textContent = text;
  document.body.dataset.state = state;
}

function draw(image: CanvasImageSource, width: number, height: number, faces: TrackedFace[]): void {
  canvas.width = width;
  canvas.height = height;
  context.drawImage(image, 0, 0, width, height);
  const is = (name: string) => find<HTMLInputElement>(name).checked;
  const shown = { points: is("points"), lines: is("lines"), axes: false, numbers: is("numbers") };
  const all = faces.map((face): ShownFace => ({ ...face, points: face.landmarks, pose: null, blendshapes: null }));
  for (const face of all) drawFace(context, face, shown, 1);
  scene?.show(all[0] ?? null, shown);
  document.body.dataset.faces = String(all.length);
}

async function showPhoto(file: Blob): Promise<void> {
  const mine = ++turn;
  stopCamera();
  say("looking for faces", "busy");
  try {
    const photo = await createImageBitmap(file);
    const began = performance.now();
    const faces = (await aligner.align(photo)).map((face, id) => ({ ...face, id }));
    const took = performance.now() - began;
    if (mine !== turn) return;
    const redraw = () => mine === turn && draw(photo, photo.width, photo.height, faces);
    for (const name of ["points", "lines", "numbers"]) find(name).onchange = redraw;
    redraw();
    const count = faces.length === 1 ? "1 face" : `${faces.length} faces`;
    say(`${count} in ${took.toFixed(0)} ms (${aligner.provider})`, "photo");
  } catch (error) {
    say(`This file cannot be read as a picture: ${(error as Error).message}`, "error");
  }
}

function stopCamera(): void {
  for (const track of (video.srcObject as MediaStream | null)?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  find("camera").textContent = "Camera";
}

async function showCamera(): Promise<void> {
  const mine = ++turn;
  if (video.srcObject !== null) {
    stopCamera();
    say("ready", "ready");
    return;
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } } });
    await video.play();
  } catch (error) {
    stopCamera();
    say(`There is no camera: ${(error as Error).message}`, "error");
    return;
  }
  find("camera").textContent = "Stop";
  const tracker = new FaceTracker(aligner);
  const times: number[] = [];
  while (mine === turn) {
    const began = performance.now();
    const frame = await createImageBitmap(video);
    const faces = await tracker.track(frame, began);
    const took = performance.now() - began;
    if (mine !== turn) return;
    draw(frame, frame.width, frame.height, faces);
    frame.close();
    times.push(performance.now());
    if (times.length > 30) times.shift();
    const rate = times.length < 2 ? 0 : ((times.length - 1) * 1000) / (times[times.length - 1] - times[0]);
    say(`${rate.toFixed(1)} frames a second, ${took.toFixed(0)} ms (${aligner.provider})`, "camera");
    document.body.dataset.rate = rate.toFixed(2);
    await new Promise(requestAnimationFrame);
  }
}

async function start(): Promise<void> {
  // Keeps the page's files for use without a network, and isolates it, which threads need.
  if ("serviceWorker" in navigator && isSecureContext) {
    await navigator.serviceWorker.register("service-worker.js").catch(() => undefined);
  }
  try {
    scene = new FaceScene(find("space"));
  } catch {
    find("space").append("This browser has no WebGL, which the 3D view needs.");
  }
  try {
    say("loading", "loading");
    aligner = await FaceAligner3D.load();
  } catch (error) {
    say(`The networks cannot be loaded: ${(error as Error).message}`, "error");
    return;
  }
  find("camera").onclick = () => void showCamera();
  const input = find<HTMLInputElement>("file");
  input.onchange = () => input.files?.[0] && void showPhoto(input.files[0]);
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) void showPhoto(file);
  });
  find("reset").onclick = () => scene?.reset();
  for (const id of ["camera", "file"]) find<HTMLInputElement>(id).disabled = false;
  say(`ready: drop a photo or start the camera (${aligner.preset}, ${aligner.provider})`, "ready");
}

void start();
