import type { Role } from '../stores/identity.ts'

/** Who may use a route. `admin` may use every one that asks for a role. */
export type Access = {
  /** `anyone`: no token is asked for, and a bad one does no harm. */
  readonly who: 'anyone' | readonly Role[]
  /** It changes the record: a gateway, which has no engine, passes it on. */
  readonly engine?: true
  /** Not counted against the rate limits. */
  readonly unlimited?: true
  /** It opens sockets: counted by address, apart from requests. */
  readonly opens?: true
}

const STAFF = ['dispatcher', 'planner'] as const
const ALL = ['dispatcher', 'planner', 'customer'] as const
const anyone: Access = { who: 'anyone' }
const probe: Access = { who: 'anyone', unlimited: true }
const by = (...who: readonly Role[]): Access => ({ who })
const acts = (...who: readonly Role[]): Access => ({ who, engine: true })

/**
 * Every route there is, and who may use it. A route that is not here cannot be registered: the server refuses to start, so nobody
 * forgets to decide. HEAD follows GET.
 */
export const ACCESS: Readonly<Record<string, Access>> = {
  // Dispatcher. Planners look, and do not touch.
  'GET /api/v1/outages': by(...STAFF),
  'GET /api/v1/outages/:id': by(...STAFF),
  'POST /api/v1/outages/:id/etr': acts('dispatcher'),
  'POST /api/v1/outages/:id/crew': acts('dispatcher'),
  'POST /api/v1/outages/:id/cause': acts('dispatcher'),
  'POST /api/v1/outages/:id/note': acts('dispatcher'),
  'POST /api/v1/outages/:id/close': acts('dispatcher'),
  'POST /api/v1/outages/:id/merge': acts('dispatcher'),
  'POST /api/v1/outages/:id/split': acts('dispatcher'),
  'POST /api/v1/alarms/acknowledge': acts('dispatcher'),
  'POST /api/v1/alarms/shelve': acts('dispatcher'),
  'POST /api/v1/alarms/unshelve': acts('dispatcher'),
  'POST /api/v1/switches/:id/position': acts('dispatcher'),
  'GET /api/v1/storms': by(...STAFF),
  'GET /api/v1/probable': by(...STAFF),
  'POST /api/v1/storms/declare': acts('dispatcher'),
  'POST /api/v1/storms/estimate': acts('dispatcher'),
  'POST /api/v1/storms/end': acts('dispatcher'),
  'GET /api/v1/switches': by(...STAFF),
  'GET /api/v1/nodes/:id/trace': by(...STAFF),
  'GET /api/v1/network.geojson': by(...STAFF),
  'GET /api/v1/network/map': by(...STAFF),
  'GET /api/v1/network/state': by(...STAFF),
  'GET /api/v1/switches/:id/effect': by(...STAFF),
  'GET /api/v1/switches/:id/trace': by(...STAFF),

  // Planner. Dispatchers look.
  'GET /api/v1/indices': by(...STAFF),
  'GET /api/v1/indices/explain': by(...STAFF),
  'GET /api/v1/indices/difference': by(...STAFF),
  'GET /api/v1/indices/causes': by(...STAFF),
  'GET /api/v1/indices/worst-feeders': by(...STAFF),
  'GET /api/v1/indices/customers': by(...STAFF),
  'GET /api/v1/indices/frequent': by(...STAFF),
  'GET /api/v1/predicted': by(...STAFF),
  'GET /api/v1/periods': by(...STAFF),
  'GET /api/v1/periods/:month': by(...STAFF),
  'GET /api/v1/major-days': by(...STAFF),
  'GET /api/v1/interruption-map': by(...STAFF),
  'GET /api/v1/targets': by(...STAFF),
  'PUT /api/v1/targets': by('planner'),
  'GET /api/v1/severe-weather': by(...STAFF),
  'POST /api/v1/severe-weather': by('planner'),
  'POST /api/v1/severe-weather/:id/end': by('planner'),
  'POST /api/v1/severe-weather/:id/withdraw': by('planner'),
  'GET /api/v1/balance': by(...STAFF),
  'GET /api/v1/balance/feeders/:id/loss': by(...STAFF),
  'GET /api/v1/balance/ties': by(...STAFF),
  'GET /api/v1/loads/:id': by(...STAFF),
  'GET /api/v1/loads/:id/forecast': by(...STAFF),
  'GET /api/v1/balance/peak': by(...STAFF),
  'GET /api/v1/balance/losses/transformers': by(...STAFF),
  'GET /api/v1/balance/losses/feeders': by(...STAFF),
  'GET /api/v1/balance/transfer': by(...STAFF),
  'GET /api/v1/loads/:id/peaks': by(...STAFF),
  'GET /api/v1/load-alarms': by(...STAFF),
  'POST /api/v1/load-alarms/:id/acknowledge': acts('dispatcher'),
  'GET /api/v1/planning': by(...STAFF),
  'PUT /api/v1/planning': by('planner'),
  'GET /api/v1/temperatures/:id': by(...STAFF),
  'POST /api/v1/temperatures/:id': by('planner'),
  'GET /api/v1/connections': by(...STAFF),
  'POST /api/v1/connections': by('planner'),
  'POST /api/v1/connections/:id/state': by('planner'),
  'GET /api/v1/works': by(...STAFF),
  'POST /api/v1/works': acts('planner'),
  'GET /api/v1/works/:id': by(...STAFF),
  'PUT /api/v1/works/:id': acts('planner'),
  'POST /api/v1/works/:id/submit': acts('planner'),
  'POST /api/v1/works/:id/approve': acts('planner'),
  'POST /api/v1/works/:id/start': acts('planner'),
  'POST /api/v1/works/:id/finish': acts('planner'),
  'POST /api/v1/works/:id/cancel': acts('planner'),
  'GET /api/v1/works/:id/effect': by(...STAFF),
  'GET /api/v1/patrols': by(...STAFF),
  'POST /api/v1/patrols': by('planner'),
  'GET /api/v1/patrols/:id': by(...STAFF),
  'POST /api/v1/patrols/:id/visits': by(...STAFF),
  'POST /api/v1/patrols/:id/finish': by(...STAFF),
  'GET /api/v1/findings': by(...STAFF),
  'POST /api/v1/findings': by(...STAFF),
  'GET /api/v1/findings/:id': by(...STAFF),
  'POST /api/v1/findings/:id/state': by(...STAFF),
  'GET /api/v1/outages/:id/findings': by(...STAFF),
  'POST /api/v1/outages/:id/findings': by(...STAFF),
  'POST /api/v1/periods/:month/close': acts('planner'),

  // Customer.
  'GET /api/v1/me': by('customer'),
  'POST /api/v1/me/reports': by('customer'),
  'GET /api/v1/me/preferences': by('customer'),
  'PUT /api/v1/me/preferences': by('customer'),
  'GET /api/v1/me/deliveries': by('customer'),
  'POST /api/v1/me/satisfaction': by('customer'),
  'GET /api/v1/me/complaints': by('customer'),
  'POST /api/v1/me/complaints': by('customer'),
  'GET /api/v1/me/owed': by('customer'),
  'GET /api/v1/me/calendar': by('customer'),

  // Who looks after customers.
  'GET /api/v1/reports': by(...STAFF),
  'GET /api/v1/complaints': by(...STAFF),
  'POST /api/v1/complaints/:id/owner': by(...STAFF),
  'POST /api/v1/complaints/:id/answer': by(...STAFF),
  'GET /api/v1/service-quality': by(...STAFF),
  'GET /api/v1/deliveries': by(...STAFF),
  'POST /api/v1/deliveries/:id/retry': by(...STAFF),
  'GET /api/v1/webhooks': by(),
  'POST /api/v1/webhooks': by(),
  'DELETE /api/v1/webhooks/:id': by(),

  // Whoever has a token.
  'POST /api/v1/live/ticket': by(...ALL),
  // The socket does its own asking, before the upgrade: a ticket is not a token.
  'GET /live': { who: 'anyone', opens: true },

  // Administrator.
  'POST /api/v1/tokens/:jti/revoke': by(),

  // A browser without scripts: gives its token in a form, and gets it back as a cookie for its own list alone.
  'POST /my/sign-in': anyone,
  'POST /my/sign-out': anyone,

  // Public.
  'GET /public/outages.geojson': anyone,
  'GET /public/outages': anyone,
  'GET /public/outages/:version': anyone,
  // The key in the path is the secret.
  'GET /public/calendar/:key': anyone,
  'GET /health/live': probe,
  'GET /health/ready': probe,
  'GET /metrics': probe,
}

/** What lies below these paths is for anyone: documentation and the files of the pages, which hold no data. */
const OPEN_FOLDERS: readonly { readonly path: string; readonly access: Access }[] = [
  { path: '/docs', access: probe },
  { path: '/dispatch', access: anyone },
  { path: '/plan', access: anyone },
  { path: '/my', access: anyone },
  { path: '/assets', access: anyone },
]
const OPEN_PAGES = new Set(['/', '/favicon.ico', '/favicon.svg', '/manifest.webmanifest', '/sw.js'])

/** Undefined where nobody has decided. `url` is the pattern of the route, `/api/v1/outages/:id`. */
export function accessOf(method: string, url: string): Access | undefined {
  const verb = method === 'HEAD' ? 'GET' : method
  const named = ACCESS[`${verb} ${url}`]
  if (named !== undefined) return named
  if (verb !== 'GET') return undefined
  if (OPEN_PAGES.has(url)) return anyone
  return OPEN_FOLDERS.find(({ path }) => url === path || url.startsWith(`${path}/`))?.access
}

export const mayUse = (access: Access, role: Role): boolean =>
  access.who === 'anyone' || role === 'admin' || access.who.includes(role)
