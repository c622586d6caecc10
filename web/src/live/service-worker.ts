/** Keeps the page's files, so that it works without a network, and isolates the page, which threads need. */

const worker = self as unknown as {
  addEventListener(kind: string, listener: (event: ExtendableEvent & { request: Request; respondWith(r: Promise<Response>): void }) => void): void;
  clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
};
interface ExtendableEvent {
  waitUntil(work: Promise<unknown>): void;
}

/** Filled in by the build: a name that changes with the files, and the files. */
declare const VERSION: string;
declare const FILES: string[];

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
  event.respondWith(
    caches
      .open(VERSION)
      .then((cache) => cache.match(request, { ignoreSearch: true }))
      .then((kept) => kept ?? fetch(request))
      .then(isolated),
  );
});

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
