import type { FastifyRequest } from 'fastify'
import type { App } from './parts.ts'
import { Problem } from './problem.ts'

/** What answers where nothing does: 405 with the methods that the path has, 404 where it has none. */
export function nothingThere(app: Pick<App, 'addHook'>): (request: FastifyRequest) => {
  readonly problem: Problem
  readonly allow: readonly string[]
} {
  const known = new Map<string, { readonly path: RegExp; readonly methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    let route = known.get(url)
    if (route === undefined) {
      const pattern = url.replace(/[.+?^$()|[\]{}\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')
      route = { path: new RegExp(`^${pattern.replaceAll('*', '.*')}$`), methods: new Set() }
      known.set(url, route)
    }
    for (const one of [method].flat()) route.methods.add(one)
  })
  return (request) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allow = [...known.values()]
      .filter((route) => route.path.test(path))
      .flatMap(({ methods }) => [...methods])
    const problem =
      allow.length > 0
        ? new Problem(405, 'no-such-method', `no ${request.method} at this path`)
        : new Problem(404, 'no-such-route', `no ${request.method} at this path`)
    return { problem, allow: [...new Set(allow)].sort() }
  }
}
