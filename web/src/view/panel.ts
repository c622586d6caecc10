import type { ShownFace } from "./face";

const ANGLES = ["yaw", "pitch", "roll"] as const;

/** Pose numbers and blendshape bars beside a face. */
export class FacePanel {
  private readonly bars = element("div", "bars");
  private readonly numbers = ANGLES.map(() => element("dd"));
  private meters: { row: HTMLElement; bar: HTMLElement; number: HTMLElement }[] = [];

  /** `names` are those of the blendshapes, in the order of their values. */
  constructor(parent: HTMLElement, names: readonly string[]) {
    const pose = element("dl", "pose");
    ANGLES.forEach((name, index) => {
      const term = element("dt");
      term.textContent = name;
      this.numbers[index].dataset.name = name;
      pose.append(term, this.numbers[index]);
    });
    parent.append(pose, this.bars);
    this.meters = names.map((name) => {
      const [row, title, meter, bar, number] = [element("div", "bar"), element("span"), element("i"), element("u"), element("b")];
      row.dataset.name = name;
      title.textContent = name;
      meter.append(bar);
      row.append(title, meter, number);
      this.bars.append(row);
      return { row, bar, number };
    });
    this.show(null);
  }

  /** Shows a face's numbers, or none. */
  show(face: ShownFace | null): void {
    ANGLES.forEach((name, index) => {
      const angle = face?.pose?.[name];
      // An angle of -0.04 is not shown as minus nothing.
      write(this.numbers[index], angle === undefined ? "–" : `${(Math.round(angle * 10) / 10 + 0).toFixed(1)}°`);
    });
    const values = face?.blendshapes ?? null;
    this.bars.hidden = values === null;
    if (values === null) return;
    this.meters.forEach(({ row, bar, number }, index) => {
      const value = values[index] ?? null;
      row.hidden = value === null;
      const text = value === null ? "" : value.toFixed(2);
      if (write(number, text)) bar.style.transform = `scaleX(${value ?? 0})`;
    });
  }
}

/** True where the text was another one before. */
function write(target: HTMLElement, text: string): boolean {
  if (target.textContent === text) return false;
  target.textContent = text;
  return true;
}

function element(tag: string, name = ""): HTMLElement {
  const made = document.createElement(tag);
  if (name) made.className = name;
  return made;
}
