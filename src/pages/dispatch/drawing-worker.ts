import type { Ask, Told } from './drawn.ts'
import { openDrawingRoom } from './drawing-room.ts'

/** A worker's own scope, as far as it is used here. */
type Scope = {
  postMessage(told: Told, moved: Transferable[]): void
  addEventListener(name: 'message', hear: (event: { data: Ask }) => void): void
}
const scope = globalThis as unknown as Scope

const hear = openDrawingRoom((told, moved) => scope.postMessage(told, moved))
scope.addEventListener('message', ({ data }) => hear(data))
