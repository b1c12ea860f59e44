import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { fedPhases } from '../grid/energization.ts'
import { at, type Network } from '../grid/network.ts'
import { formatPhases, type Phases } from '../grid/phases.ts'
import { traceDown, traceUp, type Trace } from '../grid/trace.ts'
import { toIso } from '../time.ts'
import type { NetworkView } from './network-in-force.ts'
import { networkGeoJson } from './network-geojson.ts'
import { NetworkGeoJsonAnswer, SwitchesAnswer, TraceAnswer } from './network-schemas.ts'
import { Cursor, decodeCursor, encodeCursor, Id, IdParams, Limit, PAGE_SIZE } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { notFound, Problem } from './problem.ts'

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
        response: { 200: SwitchesAnswer },
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
      let last = -1
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
          next = encodeCursor([last])
          break
        }
        last = device
        switches.push({
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
      return { switches, nextCursor: next }
    },
  )

  app.get(
    '/api/v1/nodes/:id/trace',
    {
      schema: {
        tags,
        summary:
          'From a node up to its source, down to all that it feeds, or to the ties that could feed that instead',
        params: IdParams,
        querystring: Type.Object({
          direction: Type.Optional(Type.Enum(['up', 'down', 'ties'], { default: 'down' })),
        }),
        response: { 200: TraceAnswer },
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts)
      const node = view.nodeIndex.get(params.id)
      if (node === undefined)
        throw notFound('unknown-node', `no node ${params.id} in the network in force`)
      const direction = query.direction ?? 'down'
      const trace =
        direction === 'up'
          ? traceUp(view.standing, view.sourceNodes, node)
          : traceDown(view.standing, view.sourceNodes, node)
      return {
        node: params.id,
        direction,
        fedPhases: formatPhases(fedPhases(view.standing, node)),
        ...traceView(view, trace),
      }
    },
  )

  app.get(
    '/api/v1/network.geojson',
    {
      schema: {
        tags,
        summary: 'The network in force, with where each switch stands and which phases have supply',
        response: { 200: NetworkGeoJsonAnswer },
      },
    },
    async (_, reply) => {
      const view = await inForce(parts)
      return reply
        .type('application/geo+json; charset=utf-8')
        .header('cache-control', 'private, max-age=1')
        .send(Readable.from(inChunks(networkGeoJson(view))))
    },
  )
}

export async function inForce(
  parts: HttpParts,
  positions: { readonly ageMaxMs?: number } = {},
): Promise<NetworkView> {
  const view = await parts.network.asItStands(positions.ageMaxMs)
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
  return (
    feederOfNode(network, at(network.branchFrom, device)) ??
    feederOfNode(network, at(network.branchTo, device))
  )
}

/** A trace in the utility's own names, and who hangs on it. */
function traceView({ network, tables }: NetworkView, trace: Trace) {
  const name = (node: number): string => network.nodeIds[node] ?? ''
  const nodes = new Set(trace.nodes.map(name))
  const points = tables.servicePoints.filter((row) => nodes.has(row.node))
  return {
    nodes: [...nodes],
    branches: trace.branches.map((branch) => network.branchIds[branch] ?? ''),
    switches: trace.branches
      .filter((branch) => branch < network.switchCount)
      .map((branch) => network.branchIds[branch] ?? ''),
    ties: trace.ties.map((tie) => ({
      switch: network.branchIds[tie.device] ?? '',
      phases: formatPhases(tie.phases),
      fedPhases: formatPhases(tie.fedPhases),
      farNode: name(tie.farNode),
      farFeeder: feederOfNode(network, tie.farNode),
    })),
    servicePoints: points.map((row) => row.id),
    customers: points.reduce((sum, row) => sum + row.customers, 0),
  }
}

export function feederOfNode(network: Network, node: number): string | null {
  for (let phase = 0; phase < 3; phase++) {
    const section = at(network.nodeSection, node * 3 + phase)
    const feeder = section < 0 ? -1 : at(network.sectionFeeder, section)
    if (feeder >= 0) return network.feeders[feeder]?.id ?? null
  }
  return null
}

const CHUNK_CHARS = 65_536

/** Features in pieces that are worth a write each; the reader's pace is ours. */
function* inChunks(pieces: Iterable<string>): Generator<string> {
  let chunk = ''
  for (const piece of pieces) {
    chunk += piece
    if (chunk.length < CHUNK_CHARS) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}
