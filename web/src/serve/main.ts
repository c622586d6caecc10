/** The page of face-alignment-3d serve: a camera, a photo or a video with its faces, as the server finds them. */

import { FaceDisplay } from "../view/display";
import { shownFace } from "../view/face";
import { counted, find, onFile, openCamera, say, stopCamera } from "../view/page";
import { Rates } from "../view/rates";
import { authorization, isAuthorized, keepToken, takeTokenFromAddress } from "./access";
import { nextFrame, sendFrame } from "./frames";
import { LiveSocket, type FaceRow, type FacesAnswer, type SentFrame } from "./live_socket";

const display = new FaceDisplay();
const slider = find<HTMLInputElement>("time");
const video = document.createElement("video");
/** Which source is shown; work for an earlier one ends. */
let turn = 0;
let again: () => void = () => undefined;

/** Shows `picture`, which is closed when the next one is shown, and its faces. */
function show(picture: ImageBitmap | null, width: number, height: number, rows: FaceRow[]): void {
  const faces = rows.map((row, place) => shownFace(row, row.track_id ?? place));
  find("hint").hidden = true;
  const named = rows.find((row) => row.blendshapes !== null)?.blendshapes;
  if (named) display.name(Object.keys(named));
  display.offer(faces.map(({ id }) => id));
  display.show({ picture, width, height, faces });
  document.body.dataset.faces = String(faces.length);
}

/** Ends the camera or the video. */
function stopSource(): void {
  stopCamera(video.srcObject);
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
  say(`${counted(result.faces)} in ${(performance.now() - began).toFixed(0)} ms`, "photo");
}

async function showCamera(): Promise<void> {
  if (video.srcObject !== null) {
    stopSource();
    return say("The camera is off.", "ready");
  }
  again = () => void showCamera();
  const mine = begin("starting the camera");
  try {
    const stream = await openCamera();
    if (mine !== turn) return stopCamera(stream);
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    if (mine === turn) say(`There is no camera: ${(error as Error).message}`, "error");
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
    say(`${counted(answer.faces)}, ${rates.rate.toFixed(1)} frames a second, ${took}`, state);
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

onFile((file) => void (file.type.startsWith("video/") ? showVideo(file) : showPhoto(file)));
find("camera").addEventListener("click", () => void showCamera());
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
takeTokenFromAddress();
say("Pictures go to this server and are not kept.", "ready");
