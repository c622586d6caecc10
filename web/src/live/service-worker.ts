/** Keeps the page's files, so that it works without a network, and isolates the page, which threads need. */

const worker = self as unknown as {
  addEventListener(kind: string, listener: (event: ExtendableEvent & { request: Request; respondWith(r: Promise<Response>): void }) => void): void;
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
};
interface ExtendableEvent {
  waitUntil(work: Promise<unknown>): void;
}

/** Filled in by the build: a name that changes with the files, the files that are kept at once, and those that are when they are first used. */
declare const VERSION: string;
declare const FILES: string[];
declare const LATER: string[];

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(FILES)).then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((n) => n !== VERSION).map((n) => caches.delete(n))));
  event.waitUntil(old.then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(answered(request).then(isolated));
});

/** A file that is kept; else from the server, and then it is kept too. */
async function answered(request: Request): Promise<Response> {
  const cache = await caches.open(VERSION);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  if (LATER.some((file) => new URL(file, location.href).pathname === new URL(request.url).pathname) && response.ok) {
    // Browsers may refuse to keep more.
    await cache.put(request, response.clone()).catch(() => undefined);
  }
  return response;
}

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
