/** Which weights the page works with: those that its address asks for, else those that were chosen here last. */

const KEY = "face-alignment-3d-weights";

/** Their name; null leaves the choice to the library. Browsers may refuse to keep anything. */
export function wantedWeights(): string | null {
  const asked = new URLSearchParams(location.search).get("weights");
  if (asked !== null) return asked;
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Keeps a choice, which also replaces what the address asks for; null forgets it. */
export function keepWeights(name: string | null): void {
  const address = new URL(location.href);
  address.searchParams.delete("weights");
  history.replaceState(null, "", address);
  try {
    if (name === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, name);
  } catch {
    // Then it is for this visit alone.
  }
}
