/** The page of face-alignment-3d serve: a camera, a photo or a video with its faces, as the server finds them. */

import type { ShownFace } from "../view/face";
import { FacePanel } from "../view/panel";
import { PhotoView, type Photo } from "../view/photo";
import { FaceScene } from "../view/scene";
import { find, isClose, onToggle, shownNow } from "../view/toggles";
import { authorization, isAuthorized, keepToken, takeTokenFromAddress } from "./access";
import { shownFace, type FaceRow } from "./faces";
import { nextFrame, sendFrame } from "./frames";
import { LiveSocket, type FacesAnswer, type SentFrame } from "./live_socket";
import { Rates } from "./rates";

const chooser = find<HTMLSelectElement>("face");
const slider = find<HTMLInputElement>("time");
const video = document.createElement("video");
const view = new PhotoView(find("photo"));
const scene = FaceScene.open(find("space"));
let panel: FacePanel | null = null;
let photo: (Photo & { picture: ImageBitmap | null; faces: ShownFace[] }) | null = null;
/** Which source is shown; work for an earlier one ends. */
let turn = 0;
let again: () => void = () => undefined;

function say(text: string, state: string): void {
  find("status").textContent = text;
  document.body.dataset.state = state;
}

function count(number: number): string {
  return number === 1 ? "1 face" : `${number} faces`;
}

/** Shows `picture`, which is closed when the next one is shown, and its faces. */
function show(picture: ImageBitmap | null, width: number, height: number, rows: FaceRow[]): void {
  photo?.picture?.close();
  const faces = rows.map(shownFace);
  photo = { picture, width, height, faces };
  find("hint").hidden = true;
  const named = rows.find((row) => row.blendshapes !== null)?.blendshapes;
  if (named && panel === null) panel = new FacePanel(find("panel"), Object.keys(named));
  const ids = faces.map((face) => String(face.id));
  if (ids.join() !== [...chooser.options].map((option) => option.value).join()) {
    const before = chooser.value;
    chooser.replaceChildren(...ids.map((id) => new Option(`face ${id}`, id)));
    if (ids.includes(before)) chooser.value = before;
    find("faces").hidden = ids.length < 2;
  }
  redraw();
  document.body.dataset.faces = String(ids.length);
}

function redraw(): void {
  if (photo === null) return;
  const chosen = photo.faces.find((face) => String(face.id) === chooser.value) ?? null;
  view.show(photo, shownNow(), isClose() ? chosen : null);
  scene?.show(chosen, shownNow());
  panel?.show(chosen);
}

/** Ends the camera or the video. */
function stopSource(): void {
  for (const track of (video.srcObject as MediaStream | null)?.getTracks() ?? []) track.stop();
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
  find("camera").textContent = "Camera";
  for (const id of ["play", "time", "login"]) find(id).hidden = true;
  turn += 1;
}

/** Ends what is shown now, and gives the number of what comes next. */
function begin(text: string): number {
  stopSource();
  say(text, "busy");
  return turn;
}

/** Asks for a token where that is what is missing; `message` says what else may be wrong. */
async function explain(message: string): Promise<void> {
  const authorized = await isAuthorized().catch(() => null);
  if (authorized === null) return say("The server does not answer.", "error");
  if (authorized) return say(message, "error");
  find("login").hidden = false;
  find("token").focus();
  say("The server asks for its token.", "error");
}

async function showPhoto(file: File): Promise<void> {
  again = () => void showPhoto(file);
  const mine = begin("looking for faces");
  const began = performance.now();
  const picture = await createImageBitmap(file).catch(() => null);
  const query = new URLSearchParams({ blendshapes: "true", name: file.name });
  const headers = { ...authorization(), "Content-Type": file.type || "application/octet-stream" };
  const answer = await fetch(`align?${query}`, { method: "POST", body: file, headers }).catch(() => null);
  if (answer === null || answer.status === 401) return explain("The photo could not be sent.");
  const result = (await answer.json()) as { width: number; height: number; faces: FaceRow[]; detail?: unknown };
  if (mine !== turn) return picture?.close();
  if (!answer.ok) return say(`${file.name}: ${typeof result.detail === "string" ? result.detail : answer.statusText}`, "error");
  show(picture, result.width, result.height, result.faces);
  say(`${count(result.faces.length)} in ${(performance.now() - began).toFixed(0)} ms`, "photo");
}

async function showCamera(): Promise<void> {
  if (video.srcObject !== null) {
    stopSource();
    return say("The camera is off.", "ready");
  }
  again = () => void showCamera();
  const mine = begin("starting the camera");
  try {
    const size = { width: { ideal: 640 }, height: { ideal: 480 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: size });
    if (mine !== turn) return stream.getTracks().forEach((track) => track.stop());
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    const reason = navigator.mediaDevices ? (error as Error).message : "browsers give it to https:// and localhost only";
    if (mine === turn) say(`There is no camera: ${reason}`, "error");
    return;
  }
  find("camera").textContent = "Stop";
  await follow(mine, "camera");
}

async function showVideo(file: File): Promise<void> {
  again = () => void showVideo(file);
  const mine = begin("opening the video");
  video.src = URL.createObjectURL(file);
  video.muted = true;
  try {
    await video.play();
  } catch (error) {
    if (mine === turn) say(`${file.name} cannot be played here: ${(error as Error).message}`, "error");
    return;
  }
  for (const id of ["play", "time"]) find(id).hidden = false;
  await follow(mine, "video");
}

/** Sends the frames of the camera or the video, as many as the server answers. */
async function follow(mine: number, state: "camera" | "video"): Promise<void> {
  const rates = new Rates();
  let last = -Infinity;
  let answers = 0;
  let failure = "";
  const onFaces = (answer: FacesAnswer, { picture, taken }: SentFrame) => {
    if (mine !== turn) return picture.close();
    failure = "";
    show(picture, answer.width, answer.height, answer.faces);
    rates.add(performance.now() - taken);
    const took = `${rates.duration.toFixed(0)} ms (${answer.milliseconds.worked.toFixed(0)} ms of work)`;
    say(`${count(answer.faces.length)}, ${rates.rate.toFixed(1)} frames a second, ${took}`, state);
    answers += 1;
    Object.assign(document.body.dataset, { answers, rate: rates.rate.toFixed(2), latency: rates.duration.toFixed(1) });
  };
  const onError = (message: string) => {
    if (mine !== turn) return;
    failure = message;
    say(`A frame was refused: ${message}`, "error");
  };
  while (mine === turn) {
    let socket: LiveSocket;
    try {
      socket = await LiveSocket.open(onFaces, onError);
    } catch (error) {
      if (mine !== turn) return;
      stopSource();
      return explain((error as Error).message);
    }
    while (mine === turn && socket.closed === null) {
      const shownAt = await nextFrame(video);
      if (mine !== turn || !socket.ready) continue;
      const time = state === "camera" ? performance.now() / 1000 : shownAt;
      if (time === last) continue;
      if (time < last) socket.reset();
      last = time;
      await sendFrame(socket, video, time, state === "camera" && find<HTMLInputElement>("mirror").checked);
    }
    if (mine !== turn) return socket.close();
    last = -Infinity;
    say(`${failure || socket.closed}; connecting again`, "error");
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function open(file: File | undefined): void {
  if (file === undefined) return;
  void (file.type.startsWith("video/") ? showVideo(file) : showPhoto(file));
}

onToggle(redraw);
chooser.addEventListener("change", redraw);
find("reset").addEventListener("click", () => scene?.reset());
find("camera").addEventListener("click", () => void showCamera());
const input = find<HTMLInputElement>("file");
input.addEventListener("change", () => {
  open(input.files?.[0]);
  input.value = "";
});
find("play").addEventListener("click", () => void (video.paused ? video.play() : video.pause()));
for (const [event, text] of [["play", "Pause"], ["pause", "Play"]] as const) {
  video.addEventListener(event, () => (find("play").textContent = text));
}
video.addEventListener("timeupdate", () => (slider.value = String((1000 * video.currentTime) / (video.duration || 1))));
slider.addEventListener("input", () => (video.currentTime = (Number(slider.value) / 1000) * (video.duration || 0)));
const enter = () => {
  keepToken(find<HTMLInputElement>("token").value);
  find("login").hidden = true;
  again();
};
find("enter").addEventListener("click", enter);
find("token").addEventListener("keydown", (event) => event.key === "Enter" && enter());
addEventListener("dragover", (event) => {
  event.preventDefault();
  find("photo").classList.add("over");
});
addEventListener("dragleave", () => find("photo").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  find("photo").classList.remove("over");
  open(event.dataTransfer?.files[0]);
});
takeTokenFromAddress();
say("Pictures go to this server and are not kept.", "ready");
