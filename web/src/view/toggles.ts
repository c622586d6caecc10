import type { Shown } from "./face";
import { find } from "./page";

const checked = (name: string) => find<HTMLInputElement>(name).checked;

/** What of faces the page's checkboxes say is to be shown now. */
export function shownNow(): Shown {
  return { points: checked("points"), lines: checked("lines"), axes: checked("axes"), numbers: checked("numbers") };
}

/** True while only the surroundings of a face are to be shown. */
export const isClose = () => checked("close");

/** Calls `redraw` whenever one of them is changed. */
export function onToggle(redraw: () => void): void {
  for (const name of ["points", "lines", "axes", "numbers", "close"]) find(name).addEventListener("change", redraw);
}
