import { read } from '../api.ts'
import { past } from './board.ts'
import { device, openAct, trace } from './desk.ts'
import { network, networkState } from './network.ts'
import { w } from './words.ts'

export type Direction = 'up' | 'down' | 'ties'
type Trace = { readonly lines: readonly number[] }

export function positionOf(index: number): 'open' | 'closed' | 'partly' {
  const map = network.value
  const said = networkState.value?.abnormal.find((each) => each.switch === index)
  const closed = said?.closedPhases ?? map?.switches.normal[index] ?? 0
  if (closed === 0) return 'open'
  return closed === map?.switches.phases[index] ? 'closed' : 'partly'
}

/** Lines from a switch up to its source, down to all it feeds, or to the ties, as the service traces them. */
export async function showTrace(direction: Direction): Promise<void> {
  const id = network.value?.switches.ids[device.value ?? -1]
  if (id === undefined) return
  const path = `/api/v1/switches/${encodeURIComponent(id)}/trace?direction=${direction}`
  const answer = await read<Trace>(path)
  trace.value = answer.ok ? answer.value.lines : []
}

/** What is known about the switch picked on the map, and what can be asked about it. */
export function DeviceCard() {
  const words = w.value
  const map = network.value
  const index = device.value
  if (map === null || index === null) return null
  const id = map.switches.ids[index] ?? ''
  const position = positionOf(index)
  const odd = networkState.value?.abnormal.some((each) => each.switch === index) ?? false
  const silent = networkState.value?.silent.includes(index) ?? false
  const kind = map.switches.kinds[index] ?? ''
  const normal = map.switches.normal[index] === 0 ? 'open' : 'closed'
  return (
    <section class="device" aria-label={id}>
      <h2>{map.switches.names[index] ?? id}</h2>
      <p>
        {words.deviceIs(words.kind[kind] ?? kind, words.position[position] ?? position)}
        {odd && <b> · {words.notNormal}</b>}
        {silent && <b> · {words.silentSwitch}</b>}
        <span class="mute"> · {words.normally(words.position[normal] ?? normal)}</span>
      </p>
      <p class="row">
        {past.value === null && (
          <button
            type="button"
            onClick={() =>
              openAct({
                kind: 'switch',
                switch: id,
                position: position === 'open' ? 'closed' : 'open',
              })
            }
          >
            {position === 'open' ? words.closeIt : words.openIt}
          </button>
        )}
        <button type="button" onClick={() => void showTrace('up')}>
          {words.traceUp}
        </button>
        <button type="button" onClick={() => void showTrace('down')}>
          {words.traceDown}
        </button>
        <button type="button" onClick={() => void showTrace('ties')}>
          {words.traceTies}
        </button>
      </p>
    </section>
  )
}
