import type { ShownFace } from "./face";
import { find } from "./page";
import { FacePanel } from "./panel";
import { PhotoView, type Photo } from "./photo";
import { FaceScene } from "./scene";
import { isClose, onToggle, shownNow } from "./toggles";

/** What all pages have: a picture with its faces, one of which is shown in 3D and in numbers, and the controls of these. */
export class FaceDisplay {
  private readonly view = new PhotoView(find("photo"));
  private readonly scene = FaceScene.open(find("space"));
  private readonly chooser = find<HTMLSelectElement>("face");
  private panel: FacePanel | null = null;
  private photo: Photo | null = null;

  constructor() {
    onToggle(() => this.redraw());
    this.chooser.addEventListener("change", () => this.redraw());
    find("reset").addEventListener("click", () => this.scene?.reset());
  }

  /** Makes the panel; `blendshapes` are the names of those that faces will have. Once. */
  name(blendshapes: readonly string[]): void {
    this.panel ??= new FacePanel(find("panel"), blendshapes);
  }

  /** Lets the person choose between the faces with these ids. */
  offer(ids: readonly number[]): void {
    const values = ids.map(String);
    if (values.join() === [...this.chooser.options].map(({ value }) => value).join()) return;
    const before = this.chooser.value;
    this.chooser.replaceChildren(...values.map((id) => new Option(`face ${id}`, id)));
    if (values.includes(before)) this.chooser.value = before;
    find("faces").hidden = values.length < 2;
  }

  /**
   * Shows a picture and its faces; an ImageBitmap is closed when another picture is shown. `numbers: false` leaves those of
   * the panel as they are.
   */
  show(photo: Photo, { numbers = true } = {}): void {
    const last = this.photo?.picture ?? null;
    if (last instanceof ImageBitmap && last !== photo.picture) last.close();
    this.photo = photo;
    this.redraw(numbers);
  }

  private redraw(numbers = true): void {
    const { photo } = this;
    if (photo === null) return;
    const chosen: ShownFace | null = photo.faces.find(({ id }) => String(id) === this.chooser.value) ?? null;
    const shown = shownNow();
    this.view.show(photo, shown, isClose() ? chosen : null);
    this.scene?.show(chosen, shown);
    if (numbers) this.panel?.show(chosen);
  }
}
