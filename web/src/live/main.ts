/** The page that aligns a camera or a photo in the browser. */

import type { TrackedFace } from "../aligner/tracker";
import { FaceDisplay } from "../view/display";
import { shownFace } from "../view/face";
import { counted, find, onFile, say } from "../view/page";
import { Rates } from "../view/rates";
import { Camera } from "./camera";
import { AlignerWorker } from "./client";
import { keepWeights, wantedWeights } from "./weights";

/** Milliseconds between two changes of a camera's numbers: faster, nobody can read them. */
const NUMBERS_EVERY = 200;

const display = new FaceDisplay();
const chooser = find<HTMLSelectElement>("weights");
const controls = [chooser, find<HTMLButtonElement>("camera"), find<HTMLButtonElement>("choose")];
let aligner: AlignerWorker | null = null;
/** Weights and runtime, for the footer. */
let networks = "";
let camera: Camera | null = null;
/** Which source is shown; work for an earlier one ends. */
let turn = 0;
/** Shows the source once more, with other weights. */
let again: (() => void) | null = null;

function show(picture: ImageBitmap, faces: TrackedFace[], numbers: boolean): void {
  display.offer(faces.map(({ id }) => id));
  const { width, height } = picture;
  display.show({ picture, width, height, faces: faces.map((face) => shownFace(face, face.id)) }, { numbers });
  document.body.dataset.faces = String(faces.length);
}

async function showPhoto(file: Blob): Promise<void> {
  if (aligner === null) return;
  const mine = begin();
  again = () => void showPhoto(file);
  say("looking for faces", "busy");
  try {
    const { image, faces, took } = await aligner.ask({ kind: "photo", image: await createImageBitmap(file) });
    if (mine !== turn) return image.close();
    show(image, faces, true);
    say(`${counted(faces)} in ${took.toFixed(0)} ms (${networks})`, "photo");
  } catch (error) {
    if (mine === turn) say(`This file cannot be read as a picture: ${(error as Error).message}`, "error");
  }
}

/** Ends what is shown now, and gives the number of what comes next. */
function begin(): number {
  camera?.stop();
  camera = null;
  again = null;
  find("camera").textContent = "Camera";
  turn += 1;
  return turn;
}

async function showCamera(): Promise<void> {
  const mine = begin();
  again = () => void showCamera();
  try {
    const opened = await Camera.open();
    if (mine !== turn) return opened.stop();
    camera = opened;
  } catch (error) {
    if (mine === turn) say(`There is no camera: ${(error as Error).message}`, "error");
    return;
  }
  find("camera").textContent = "Stop";
  try {
    await follow(camera, aligner!, () => mine === turn);
  } catch (error) {
    if (mine !== turn) return;
    begin();
    say(`The camera cannot be followed: ${(error as Error).message}`, "error");
  }
}

/** While the page draws a frame, the worker is at the next one. */
async function follow(source: Camera, worker: AlignerWorker, isWanted: () => boolean): Promise<void> {
  const rates = new Rates();
  let numbersAt = -Infinity;
  const ask = async (fresh: boolean) => {
    const image = await source.frame();
    const time = performance.now();
    return { time, answer: worker.ask({ kind: "frame", image, time, fresh }) };
  };
  let asked = await ask(true);
  while (isWanted()) {
    const { time } = asked;
    const { image, faces, took } = await asked.answer;
    if (!isWanted()) return image.close();
    asked = await ask(false);
    const areNumbersDue = performance.now() - numbersAt >= NUMBERS_EVERY;
    show(image, faces, areNumbersDue);
    const late = performance.now() - time;
    rates.add(late);
    if (areNumbersDue) {
      numbersAt = performance.now();
      say(`${rates.rate.toFixed(1)} frames a second, ${late.toFixed(0)} ms behind the camera (${networks})`, "camera");
    }
    Object.assign(document.body.dataset, { rate: rates.rate.toFixed(2), took: took.toFixed(1), late: late.toFixed(1) });
  }
  (await asked.answer).image.close();
}

/** Loads the networks with these weights, or the library's own choice, and shows the source once more. */
async function load(weights: string | null): Promise<void> {
  const repeat = again;
  begin();
  for (const control of controls) control.disabled = true;
  aligner?.close();
  aligner = null;
  say("loading the networks", "loading");
  const { aligner: opened, ready } = await AlignerWorker.open(weights);
  aligner = opened;
  display.name(ready.blendshapes);
  chooser.replaceChildren(...ready.available.map((name) => new Option(name)));
  chooser.value = ready.weights;
  networks = `${ready.weights}, ${ready.provider}`;
  Object.assign(document.body.dataset, { weights: ready.weights, detector: ready.detector });
  for (const control of controls) control.disabled = false;
  say(`ready: drop a photo or start the camera (${networks})`, "ready");
  repeat?.();
}

async function loadWanted(): Promise<void> {
  const wanted = wantedWeights();
  try {
    await load(wanted).catch((error: Error) => {
      if (wanted === null || new URLSearchParams(location.search).has("weights")) throw error;
      // What was chosen here once may not be on the server any more.
      keepWeights(null);
      return load(null);
    });
  } catch (error) {
    say(`The networks cannot be loaded: ${(error as Error).message}`, "error");
  }
}

async function start(): Promise<void> {
  // Keeps the page's files for use without a network, and isolates it, which threads need.
  if ("serviceWorker" in navigator && isSecureContext) {
    await navigator.serviceWorker.register("service-worker.js").catch(() => undefined);
  }
  await loadWanted();
}

find("camera").addEventListener("click", () => {
  if (camera === null) return void showCamera();
  begin();
  say("ready", "ready");
});
chooser.addEventListener("change", () => {
  keepWeights(chooser.value);
  void loadWanted();
});
find("choose").addEventListener("click", () => find("file").click());
onFile((file) => void showPhoto(file));
void start();
