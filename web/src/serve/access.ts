/** The server's token, which is kept as long as the tab is open. */

const KEY = "face-alignment-3d-token";

/** Takes the token out of the address of the page, `#token=...`, where it would be seen and kept. */
export function takeTokenFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function authorization(): Record<string, string> {
  const token = sessionStorage.getItem(KEY);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Browsers give sockets no headers: a subprotocol carries the token. */
export function subprotocols(): string[] {
  const token = sessionStorage.getItem(KEY);
  if (token === null) return ["face-alignment-3d"];
  const encoded = btoa(token).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return ["face-alignment-3d", `token.${encoded}`];
}

/** Whether the server takes the token; rejects where it does not answer. */
export async function isAuthorized(): Promise<boolean> {
  const answer = await fetch("health", { headers: authorization() });
  return answer.ok && ((await answer.json()) as { authorized: boolean }).authorized;
}
