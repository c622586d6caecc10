import type { Shown } from "./face";

/** The checkboxes of a page that say what is shown of faces, and the element with an id. */
export const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

const checked = (name: string) => find<HTMLInputElement>(name).checked;

/** What is checked now. */
export function shownNow(): Shown {
  return { points: checked("points"), lines: checked("lines"), axes: checked("axes"), numbers: checked("numbers") };
}

/** True while only the surroundings of a face are to be shown. */
export const isClose = () => checked("close");

/** Calls `redraw` whenever one of them is changed. */
export function onToggle(redraw: () => void): void {
  for (const name of ["points", "lines", "axes", "numbers", "close"]) find(name).addEventListener("change", redraw);
}
