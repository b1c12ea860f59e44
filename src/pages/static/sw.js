// Keeps the shell of the customer page, so that it opens in a cellar without a signal and shows the last state with its age.
const KEPT = 'relight-1'
const SHELL = '/my'
const PATIENCE_MS = 2_000

self.addEventListener('install', (event) => {
  event.waitUntil(keepShell())
})

/** The shell and the files that it names: what was loaded before this worker stood by was not kept by it. */
async function keepShell() {
  const cache = await caches.open(KEPT)
  const shell = await fetch(SHELL, { credentials: 'omit' })
  const named = [...(await shell.clone().text()).matchAll(/"(\/assets\/[^"]+)"/g)]
  await cache.addAll(named.map(([, path]) => path))
  await cache.put(SHELL, shell)
}

self.addEventListener('fetch', (event) => {
  const { pathname, origin } = new URL(event.request.url)
  if (event.request.method !== 'GET' || origin !== self.location.origin) return
  if (pathname === SHELL) event.respondWith(freshOrKept(event.request, SHELL))
  else if (pathname.startsWith('/assets/')) event.respondWith(keptOrFresh(event.request))
})

async function freshOrKept(request, name) {
  const cache = await caches.open(KEPT)
  const kept = await cache.match(name)
  const fresh = fetch(request).then(async (answer) => {
    const isPersonal = /no-store/.test(answer.headers.get('cache-control') ?? '')
    if (answer.ok && !isPersonal) await cache.put(name, answer.clone())
    return answer
  })
  if (kept === undefined) return fresh
  // A network that is there and carries nothing must not keep the last state from the screen.
  const patience = new Promise((resolve) => setTimeout(() => resolve(kept), PATIENCE_MS))
  return Promise.race([fresh.catch(() => kept), patience])
}

// The name of an asset says what is in it.
async function keptOrFresh(request) {
  const cache = await caches.open(KEPT)
  const kept = await cache.match(request)
  if (kept !== undefined) return kept
  const answer = await fetch(request)
  if (answer.ok) await cache.put(request, answer.clone())
  return answer
}
