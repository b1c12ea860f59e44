import { fedPhases } from '../grid/energization.ts'
import { at } from '../grid/network.ts'
import { formatPhases } from '../grid/phases.ts'
import type { NetworkView } from './network-in-force.ts'

type Place = readonly [lon: number, lat: number]

/** The network as it stands as GeoJSON (RFC 7946), a feature a line. What has no place is left out: a null island misleads. */
export function* networkGeoJson(view: NetworkView): Generator<string> {
  yield `{"type":"FeatureCollection","revision":${view.revision},"features":[`
  let comma = '\n'
  for (const feature of features(view)) {
    yield comma + JSON.stringify(feature)
    comma = ',\n'
  }
  yield '\n]}\n'
}

function* features({ tables, network, standing }: NetworkView) {
  const places = tables.nodes.map(placeOf)
  const fed = (node: number): string => formatPhases(fedPhases(standing, node))
  const line = (branch: number) => {
    const from = places[at(network.branchFrom, branch)]
    const to = places[at(network.branchTo, branch)]
    return from == null || to == null ? null : { type: 'LineString', coordinates: [from, to] }
  }

  for (const row of tables.substations) {
    const place = placeOf(row)
    if (place !== null) {
      yield point(row.id, place, { type: 'substation', name: row.name, area: row.area })
    }
  }
  for (const [node, row] of tables.nodes.entries()) {
    const place = places[node]
    if (place != null) yield point(row.id, place, { type: 'node', kv: row.kv, fed: fed(node) })
  }
  for (const [device, row] of tables.switches.entries()) {
    const geometry = line(device)
    if (geometry === null) continue
    const closed = at(standing.closed, device)
    yield feature(row.id, geometry, {
      type: 'switch',
      kind: row.kind,
      name: row.name,
      phases: formatPhases(row.phases),
      position: closed === 0 ? 'open' : closed === row.phases ? 'closed' : 'partly',
      normal: row.normallyClosed ? 'closed' : 'open',
    })
  }
  for (const [index, row] of tables.lines.entries()) {
    const branch = network.switchCount + index
    const geometry = line(branch)
    if (geometry === null) continue
    const phases = formatPhases(row.phases)
    const overhead = row.overhead
    yield feature(row.id, geometry, {
      type: 'line',
      phases,
      overhead,
      fed: fed(at(network.branchFrom, branch)),
    })
  }
  for (const [index, row] of tables.transformers.entries()) {
    const node = at(network.branchTo, network.switchCount + network.lineCount + index)
    const place =
      places[node] ??
      places[at(network.branchFrom, network.switchCount + network.lineCount + index)]
    if (place == null) continue
    yield point(row.id, place, {
      type: 'transformer',
      kind: row.kind,
      phases: formatPhases(row.phases),
      ratedKva: row.ratedKva,
      fed: fed(node),
    })
  }
}

const placeOf = ({ lon, lat }: { lon: number | null; lat: number | null }): Place | null =>
  lon === null || lat === null ? null : [lon, lat]

const feature = (id: string, geometry: object, properties: object) => ({
  type: 'Feature',
  id,
  geometry,
  properties,
})
const point = (id: string, coordinates: Place, properties: object) =>
  feature(id, { type: 'Point', coordinates }, properties)
