import type { Circuit } from './opendss-circuit.ts'
import type { Parts } from './opendss-parts.ts'
import { readNumber } from './opendss-words.ts'

/** The nominal voltage of every bus, carried from sources and windings along whatever has one voltage. */
export function voltages(circuit: Circuit, parts: Parts): Map<string, number> {
  const neighbours = new Map<string, string[]>()
  const near = (bus: string, other: string): void => {
    const list = neighbours.get(bus)
    if (list === undefined) neighbours.set(bus, [other])
    else list.push(other)
  }
  for (const { from, to } of parts.wires) {
    near(from, to)
    near(to, from)
  }
  const kv = new Map<string, number>()
  const queue: string[] = []
  const set = (bus: string, value: number | undefined): void => {
    if (value === undefined || value <= 0 || kv.has(bus)) return
    const base = circuit.voltageBases.find((each) => Math.abs(each - value) <= value * 0.01)
    kv.set(bus, base ?? Number(value.toPrecision(4)))
    queue.push(bus)
  }
  const flood = (): void => {
    for (let bus = queue.pop(); bus !== undefined; bus = queue.pop()) {
      for (const other of neighbours.get(bus) ?? []) set(other, kv.get(bus))
    }
  }
  for (const { element, bus } of parts.sources) {
    set(bus, readNumber(element.props.get('basekv') ?? '115'))
    flood()
  }
  for (const part of parts.windings) {
    set(part.from, part.fromKv)
    set(part.to, part.toKv)
    flood()
  }
  return kv
}
