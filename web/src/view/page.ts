/** The element with an id. */
export const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

/** Says in the footer what the page does; `state` is for styles and tests. */
export function say(text: string, state: string): void {
  find("status").textContent = text;
  document.body.dataset.state = state;
}

/** "1 face", "2 faces". */
export const counted = (faces: readonly unknown[]) => (faces.length === 1 ? "1 face" : `${faces.length} faces`);

/** Calls `open` with each file that is chosen with #file or dropped on the page. */
export function onFile(open: (file: File) => void): void {
  const input = find<HTMLInputElement>("file");
  const given = (files: FileList | null | undefined) => files?.[0] && open(files[0]);
  input.addEventListener("change", () => {
    given(input.files);
    input.value = "";
  });
  const mark = (isOver: boolean) => find("photo").classList.toggle("over", isOver);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", () => mark(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    given(event.dataTransfer?.files);
  });
}

/** The camera's pictures. Rejects where there is none, or the person does not allow it. */
export async function openCamera(): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new Error("browsers give it to https:// and localhost only");
  return navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } } });
}

/** Switches a camera off. */
export function stopCamera(stream: MediaProvider | null): void {
  for (const track of (stream as MediaStream | null)?.getTracks() ?? []) track.stop();
}
