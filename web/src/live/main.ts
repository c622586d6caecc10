/** The page that aligns a camera or a photo in the browser. */

import type { TrackedFace } from "../aligner/tracker";
import type { ShownFace } from "../view/face";
import { FacePanel } from "../view/panel";
import { PhotoView } from "../view/photo";
import { FaceScene } from "../view/scene";
import { find, isClose, onToggle, shownNow } from "../view/toggles";
import { Camera } from "./camera";
import { AlignerWorker } from "./client";

/** Milliseconds between two changes of a camera's numbers: faster, nobody can read them. */
const NUMBERS_EVERY = 200;

const status = find("status");
const chooser = find<HTMLSelectElement>("face");
const photo = new PhotoView(find("photo"));
const scene = FaceScene.open(find("space"));
let panel: FacePanel;
/** When the numbers were changed last. */
let numbersAt = -Infinity;
let names: readonly string[] = [];
let aligner: AlignerWorker;
let provider = "";
let camera: Camera | null = null;
/** Which source is shown; work for an earlier one ends. */
let turn = 0;
let image: ImageBitmap | null = null;
let faces: ShownFace[] = [];

function say(text: string, state: string): void {
  status.textContent = text;
  document.body.dataset.state = state;
}

function shownFace({ landmarks, blendshapes, pose, ...face }: TrackedFace): ShownFace {
  return {
    ...face,
    points: landmarks,
    pose: pose === null ? null : { ...pose, origin: pose.translation },
    blendshapes: blendshapes === null ? null : names.map((name) => blendshapes[name]),
  };
}

function show(next: ImageBitmap, found: TrackedFace[]): void {
  if (image !== next) image?.close();
  image = next;
  faces = found.map(shownFace);
  const ids = faces.map(({ id }) => String(id));
  if (ids.join() !== [...chooser.options].map(({ value }) => value).join()) {
    const chosen = chooser.value;
    chooser.replaceChildren(...ids.map((id) => new Option(`face ${id}`, id)));
    if (ids.includes(chosen)) chooser.value = chosen;
    find("faces").hidden = ids.length < 2;
  }
  redraw();
  document.body.dataset.faces = String(faces.length);
}

function redraw(): void {
  if (image === null) return;
  const [shown, chosen] = [shownNow(), faces.find(({ id }) => String(id) === chooser.value) ?? null];
  photo.show({ picture: image, width: image.width, height: image.height, faces }, shown, isClose() ? chosen : null);
  scene?.show(chosen, shown);
  if (camera === null || areNumbersDue()) panel.show(chosen);
}

const areNumbersDue = () => performance.now() - numbersAt >= NUMBERS_EVERY;

async function showPhoto(file: Blob): Promise<void> {
  const mine = ++turn;
  stopCamera();
  say("looking for faces", "busy");
  try {
    const { image: seen, faces: found, took } = await aligner.ask({ kind: "photo", image: await createImageBitmap(file) });
    if (mine !== turn) return seen.close();
    show(seen, found);
    const count = found.length === 1 ? "1 face" : `${found.length} faces`;
    say(`${count} in ${took.toFixed(0)} ms (${provider})`, "photo");
  } catch (error) {
    if (mine === turn) say(`This file cannot be read as a picture: ${(error as Error).message}`, "error");
  }
}

function stopCamera(): void {
  camera?.stop();
  camera = null;
  find("camera").textContent = "Camera";
}

async function showCamera(): Promise<void> {
  const mine = ++turn;
  try {
    const opened = await Camera.open();
    if (mine !== turn) return opened.stop();
    camera = opened;
  } catch (error) {
    say(`There is no camera: ${(error as Error).message}`, "error");
    return;
  }
  find("camera").textContent = "Stop";
  numbersAt = -Infinity;
  try {
    await follow(camera, () => mine === turn);
  } catch (error) {
    if (mine !== turn) return;
    stopCamera();
    say(`The camera cannot be followed: ${(error as Error).message}`, "error");
  }
}

/** While the page draws a frame, the worker is at the next one. */
async function follow(source: Camera, isWanted: () => boolean): Promise<void> {
  const times: number[] = [];
  const ask = async (fresh: boolean) => {
    const frame = await source.frame();
    const time = performance.now();
    return { time, answer: aligner.ask({ kind: "frame", image: frame, time, fresh }) };
  };
  let asked = await ask(true);
  while (isWanted()) {
    const { time } = asked;
    const { image: seen, faces: found, took } = await asked.answer;
    if (!isWanted()) return seen.close();
    asked = await ask(false);
    show(seen, found);
    const now = performance.now();
    times.push(now);
    if (times.length > 30) times.shift();
    const rate = times.length < 2 ? 0 : ((times.length - 1) * 1000) / (now - times[0]);
    if (areNumbersDue()) {
      numbersAt = now;
      say(`${rate.toFixed(1)} frames a second, ${(now - time).toFixed(0)} ms behind the camera (${provider})`, "camera");
    }
    Object.assign(document.body.dataset, { rate: rate.toFixed(2), took: took.toFixed(1), late: (now - time).toFixed(1) });
  }
  (await asked.answer).image.close();
}

async function start(): Promise<void> {
  // Keeps the page's files for use without a network, and isolates it, which threads need.
  if ("serviceWorker" in navigator && isSecureContext) {
    await navigator.serviceWorker.register("service-worker.js").catch(() => undefined);
  }
  try {
    say("loading the networks", "loading");
    const opened = await AlignerWorker.open();
    aligner = opened.aligner;
    ({ provider, blendshapes: names } = opened.ready);
    panel = new FacePanel(find("panel"), names);
    say(`ready: drop a photo or start the camera (${opened.ready.weights}, ${provider})`, "ready");
  } catch (error) {
    say(`The networks cannot be loaded: ${(error as Error).message}`, "error");
    return;
  }
  find("camera").onclick = () => {
    if (camera === null) return void showCamera();
    turn += 1;
    stopCamera();
    say("ready", "ready");
  };
  const input = find<HTMLInputElement>("file");
  input.onchange = () => {
    if (input.files?.[0]) void showPhoto(input.files[0]);
    input.value = "";
  };
  find("choose").onclick = () => input.click();
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) void showPhoto(file);
  });
  onToggle(redraw);
  chooser.addEventListener("change", redraw);
  find("reset").onclick = () => scene?.reset();
  for (const id of ["camera", "choose"]) find<HTMLButtonElement>(id).disabled = false;
}

void start();
