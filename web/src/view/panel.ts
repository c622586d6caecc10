import type { ShownFace } from "./face";

/** Pose numbers and blendshape bars beside a face. */
export class FacePanel {
  private readonly pose = document.createElement("dl");
  private readonly bars = document.createElement("div");
  private readonly meters: HTMLElement[] = [];

  /** `names` are those of the blendshapes, in the order of their values. */
  constructor(parent: HTMLElement, private readonly names: readonly string[]) {
    this.pose.className = "pose";
    this.bars.className = "bars";
    parent.append(this.pose, this.bars);
    for (const name of names) {
      const row = document.createElement("div");
      row.className = "bar";
      row.dataset.name = name;
      const [title, meter, number] = ["span", "i", "b"].map((tag) => document.createElement(tag));
      title.textContent = name;
      meter.append(document.createElement("u"));
      row.append(title, meter, number);
      this.bars.append(row);
      this.meters.push(row);
    }
  }

  /** Shows a face's numbers, or none. */
  show(face: ShownFace | null): void {
    const pose = face?.pose ?? null;
    const numbers = { yaw: pose?.yaw, pitch: pose?.pitch, roll: pose?.roll };
    this.pose.replaceChildren(
      ...Object.entries(numbers).flatMap(([name, value]) => {
        const [term, number] = ["dt", "dd"].map((tag) => document.createElement(tag));
        term.textContent = name;
        number.textContent = value === undefined ? "–" : `${value.toFixed(1)}°`;
        number.dataset.name = name;
        return [term, number];
      }),
    );
    const values = face?.blendshapes ?? null;
    this.bars.hidden = values === null;
    this.names.forEach((_, index) => {
      const value = values?.[index] ?? null;
      const row = this.meters[index];
      row.hidden = value === null;
      (row.querySelector("u") as HTMLElement).style.width = `${100 * (value ?? 0)}%`;
      row.querySelector("b")!.textContent = value === null ? "" : value.toFixed(2);
    });
  }
}
