import { pageTime } from '../page-clock.ts'
import type { Ask, DrawnState, Place, Size, Target, Told, View, Wish } from './drawn.ts'
import { openDrawingRoom } from './drawing-room.ts'
import type { NetworkMap } from './network.ts'

/** The sheet reaches this far beyond the frame on each side, as a share of it. */
const BEYOND = 0.25
/** While a hand moves, the sheet is moved and stretched as it is, as long as it is no further from the wish than this. */
const STRETCH_MAX = 2
const COVERED_MIN = 0.6
export const SETTLED_MS = 150
/** Nobody draws a picture for longer; then it is taken for lost and asked for again. */
const PICTURE_WAIT_MAX_MS = 10_000

export type Wanted = Omit<Wish, 'number' | 'beyond' | 'density'>
type Shown = { readonly wish: Wish; readonly sheet: ImageBitmap | HTMLCanvasElement }

/**
 * The drawing in its frame. It is drawn elsewhere, on a sheet larger than the frame; here the last sheet is shown at once, wherever a
 * hand has moved it, and a new one is asked for one at a time: the newest wish counts, and no queue grows.
 */
export function openSheet(canvas: HTMLCanvasElement, onTold: (told: Told) => void) {
  const shown = canvas.getContext('2d', { alpha: false })
  let last: Shown | undefined
  let targets: readonly Target[] = []
  let number = 0
  let asked: { readonly wish: Wish; readonly at: number } | undefined
  let wanted: Wanted | undefined
  let movedAt = 0
  let state: DrawnState | undefined
  let isStateNew = false
  let frame = 0
  let settling: ReturnType<typeof setTimeout> | undefined

  const room = openRoom((told) => {
    if (told.told !== 'picture') return onTold(told)
    if (asked?.wish.number === told.number) {
      if (last !== undefined && 'close' in last.sheet) last.sheet.close()
      last = { wish: asked.wish, sheet: told.sheet }
      targets = told.targets
      asked = undefined
    }
    schedule()
  })

  const schedule = () => {
    if (frame === 0) frame = requestAnimationFrame(draw)
  }

  const draw = () => {
    frame = 0
    if (wanted === undefined) return
    if (last !== undefined && last.wish.drawing === wanted.drawing) copy(last, wanted)
    const now = pageTime()
    const isLost = asked !== undefined && now - asked.at > PICTURE_WAIT_MAX_MS
    if (asked !== undefined && !isLost) return
    if (last !== undefined && !isStateNew && sameWish(last.wish, wanted)) return
    const isMoving = now - movedAt < SETTLED_MS
    if (isMoving && !isStateNew && last !== undefined && isClose(last, wanted)) {
      clearTimeout(settling)
      settling = setTimeout(schedule, SETTLED_MS)
      return
    }
    if (isStateNew && state !== undefined) room.ask({ ask: 'state', state })
    isStateNew = false
    const { size } = wanted
    const wish = { ...wanted, number: ++number, beyond: beyondOf(size), density: devicePixelRatio }
    asked = { wish, at: now }
    room.ask({ ask: 'picture', wish })
  }

  function copy({ wish, sheet }: Shown, { view, size, ink }: Wanted): void {
    if (shown === null) return
    const { left, top, wide, high, ratio } = placeOfSheet(wish, view)
    const density = devicePixelRatio
    shown.setTransform(density, 0, 0, density, 0, 0)
    // Only the part in sight is copied: stretched whole, a sheet would be far larger than the screen.
    const fromX = Math.max(0, left)
    const fromY = Math.max(0, top)
    const inX = Math.min(size.width, left + wide) - fromX
    const inY = Math.min(size.height, top + high) - fromY
    if (inX < size.width || inY < size.height) {
      shown.fillStyle = ink.panel
      shown.fillRect(0, 0, size.width, size.height)
    }
    if (inX <= 0 || inY <= 0) return
    const pixels = sheet.width / wide
    shown.imageSmoothingEnabled = ratio === 1
    shown.drawImage(
      sheet,
      (fromX - left) * pixels,
      (fromY - top) * pixels,
      inX * pixels,
      inY * pixels,
      fromX,
      fromY,
      inX,
      inY,
    )
  }

  return {
    network: (map: NetworkMap) => {
      room.ask({ ask: 'network', map })
      last = undefined
      targets = []
    },
    state: (fresh: DrawnState) => {
      state = fresh
      isStateNew = true
      schedule()
    },
    show: (wish: Wanted) => {
      wanted = wish
      schedule()
    },
    /** A hand is moving the drawing. */
    moved: () => {
      movedAt = pageTime()
    },
    ask: (ask: Ask) => room.ask(ask),
    /** What is drawn under a place of the frame, were it where the sheet was drawn for. */
    targetAt(x: number, y: number): Target | undefined {
      if (last === undefined || wanted === undefined) return undefined
      const { view } = last.wish
      const ratio = wanted.view.scale / view.scale
      const place = {
        x: (x - wanted.view.shiftX) / ratio + view.shiftX,
        y: (y - wanted.view.shiftY) / ratio + view.shiftY,
      }
      return nearest(targets, place)
    },
    close: () => {
      cancelAnimationFrame(frame)
      clearTimeout(settling)
      room.close()
    },
  }
}

/** In a worker where there is one that can draw; else in this thread, between two frames. */
function openRoom(hear: (told: Told) => void): { ask(ask: Ask): void; close(): void } {
  if (typeof Worker === 'undefined' || typeof OffscreenCanvas === 'undefined') {
    const ask = openDrawingRoom((told) => hear(told))
    return { ask: (asked) => void setTimeout(() => ask(asked)), close: () => undefined }
  }
  const worker = new Worker(new URL('./drawing-worker.ts', import.meta.url), { type: 'module' })
  worker.addEventListener('message', (event: MessageEvent<Told>) => hear(event.data))
  return { ask: (asked) => worker.postMessage(asked, []), close: () => worker.terminate() }
}

/** Where the sheet of a wish lies in the frame of another view. */
function placeOfSheet(wish: Wish, view: View) {
  const ratio = view.scale / wish.view.scale
  return {
    ratio,
    left: view.shiftX - (wish.view.shiftX + wish.beyond.x) * ratio,
    top: view.shiftY - (wish.view.shiftY + wish.beyond.y) * ratio,
    wide: (wish.size.width + wish.beyond.x * 2) * ratio,
    high: (wish.size.height + wish.beyond.y * 2) * ratio,
  }
}

function isClose({ wish }: Shown, { view, size, drawing }: Wanted): boolean {
  if (wish.drawing !== drawing) return false
  const { ratio, left, top, wide, high } = placeOfSheet(wish, view)
  if (ratio > STRETCH_MAX || ratio < 1 / STRETCH_MAX) return false
  const inX = Math.min(size.width, left + wide) - Math.max(0, left)
  const inY = Math.min(size.height, top + high) - Math.max(0, top)
  return inX > size.width * COVERED_MIN && inY > size.height * COVERED_MIN
}

const sameWish = (wish: Wish, wanted: Wanted): boolean =>
  wish.density === devicePixelRatio &&
  (Object.keys(wanted) as (keyof Wanted)[]).every((key) => wish[key] === wanted[key])

function nearest(targets: readonly Target[], { x, y }: Place): Target | undefined {
  let best: Target | undefined
  let bestApart = Infinity
  for (const target of targets) {
    const apart = Math.hypot(target.x - x, target.y - y)
    if (apart <= target.reach && apart < bestApart) {
      best = target
      bestApart = apart
    }
  }
  return best
}

/** Whole pixels, so that a copy at the same scale stays sharp. */
const beyondOf = ({ width, height }: Size): Place => ({
  x: Math.round(width * BEYOND),
  y: Math.round(height * BEYOND),
})
