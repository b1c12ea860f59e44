import { Type } from 'typebox'
import { at } from '../grid/network.ts'
import { formatPhases, type Phases } from '../grid/phases.ts'
import { toIso } from '../time.ts'
import type { NetworkView } from './network-in-force.ts'
import { Cursor, decodeCursor, encodeCursor, Id, Limit, PAGE_SIZE } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { Problem } from './problem.ts'

const tags = ['dispatcher']

export async function networkRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db } = parts

  app.get(
    '/api/v1/switches',
    {
      schema: {
        tags,
        summary: 'Switches in the order of the network, where they stand and by whose word',
        querystring: Type.Object({
          feeder: Type.Optional(Id),
          position: Type.Optional(Type.Enum(['open', 'closed', 'partly'])),
          abnormal: Type.Optional(
            Type.Boolean({ description: 'only those not in their normal position' }),
          ),
          stale: Type.Optional(Type.Boolean()),
          search: Type.Optional(Type.String({ maxLength: 128, description: 'part of id or name' })),
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Limit),
        }),
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const [after] = query.cursor === undefined ? [-1] : decodeCursor(query.cursor, ['number'])
      const limit = query.limit ?? PAGE_SIZE
      const [states, silent] = await Promise.all([
        db.selectFrom('switch_state').selectAll().execute(),
        db.selectFrom('gateway').select('id').where('online', '=', false).execute(),
      ])
      const stateOf = new Map(states.map((state) => [state.switch, state]))
      const silentGateways = new Set(silent.map(({ id }) => id))
      const wanted = query.search?.toLowerCase()
      const switches = []
      let next: string | null = null
      for (let device = Number(after) + 1; device < view.network.switchCount; device++) {
        const row = view.tables.switches[device]
        if (row === undefined) break
        if (
          wanted !== undefined &&
          !`${row.id}\n${row.name ?? ''}`.toLowerCase().includes(wanted)
        ) {
          continue
        }
        const state = stateOf.get(row.id)
        const closed = at(view.standing.closed, device)
        const normal = at(view.network.switchNormal, device)
        const position = positionOf(closed, row.phases)
        const stale = state !== undefined && silentGateways.has(state.gateway)
        const feeder = feederOfSwitch(view, device)
        if (query.feeder !== undefined && feeder !== query.feeder) continue
        if (query.position !== undefined && position !== query.position) continue
        if (query.abnormal !== undefined && (closed !== normal) !== query.abnormal) continue
        if (query.stale !== undefined && stale !== query.stale) continue
        if (switches.length === limit) {
          next = encodeCursor([(switches.at(-1)?.place ?? 0) as number])
          break
        }
        switches.push({
          place: device,
          id: row.id,
          name: row.name,
          kind: row.kind,
          phases: formatPhases(row.phases),
          position,
          closedPhases: formatPhases(closed),
          normal: row.normallyClosed ? 'closed' : 'open',
          at: state === undefined ? null : toIso(state.at),
          gateway: state?.gateway ?? null,
          reason: state?.reason ?? null,
          stale,
          telemetered: row.telemetered,
          feeder,
          from: row.from,
          to: row.to,
        })
      }
      return { switches: switches.map(({ place: _, ...rest }) => rest), nextCursor: next }
    },
  )
}

export async function inForce(parts: HttpParts): Promise<NetworkView> {
  const view = await parts.network.asItStands()
  if (view === null) {
    throw new Problem(409, 'no-network', 'no network has been imported (relight network import)')
  }
  return view
}

const positionOf = (closed: Phases, all: Phases): 'open' | 'closed' | 'partly' =>
  closed === 0 ? 'open' : closed === all ? 'closed' : 'partly'

/** The feeder that a switch belongs to under normal positions: of the side that supply reaches it from, or of what lies behind a head. */
export function feederOfSwitch({ network }: NetworkView, device: number): string | null {
  const head = network.feederHead.indexOf(device)
  if (head >= 0) return network.feeders[head]?.id ?? null
  for (const node of [at(network.branchFrom, device), at(network.branchTo, device)]) {
    for (let phase = 0; phase < 3; phase++) {
      const section = at(network.nodeSection, node * 3 + phase)
      const feeder = section < 0 ? -1 : at(network.sectionFeeder, section)
      if (feeder >= 0) return network.feeders[feeder]?.id ?? null
    }
  }
  return null
}
