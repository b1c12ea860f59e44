/** An area on the picture, in its pixels: where it lies, and how wide its name is. */
export type AreaMark = { readonly x: number; readonly y: number; readonly nameWidth: number }
export type PlacedMark<M extends AreaMark> = M & {
  /** Where its disc is drawn; further than `NEAR` from where it lies a line leads there. */
  readonly atX: number
  readonly atY: number
  readonly named: boolean
}

export const RADIUS = 16
export const NEAR = 4
/** A name stands below its disc. */
const NAME_HEIGHT = 20
const GAP = 3
const STEP = 10
const DIRECTIONS = 16

type Box = { left: number; right: number; top: number; bottom: number }

export function boxOf(x: number, y: number, nameWidth: number | null): Box {
  const half = Math.max(RADIUS + GAP, nameWidth === null ? 0 : nameWidth / 2 + GAP)
  return {
    left: x - half,
    right: x + half,
    top: y - RADIUS - GAP,
    bottom: y + RADIUS + GAP + (nameWidth === null ? 0 : NAME_HEIGHT),
  }
}

/**
 * Places marks, the first ones first, so that none lies on another: each where it belongs or as near to it as there is room; without its
 * name where there is no room for that; not at all where there is none for a disc.
 */
export function placeMarks<M extends AreaMark>(
  marks: readonly M[],
  { width, height }: { readonly width: number; readonly height: number },
): PlacedMark<M>[] {
  const taken: Box[] = []
  const placed: PlacedMark<M>[] = []
  for (const mark of marks) {
    for (const named of [true, false]) {
      const nameWidth = named ? mark.nameWidth : null
      const free = nearest(mark, width + height, (x, y) => {
        const box = boxOf(x, y, nameWidth)
        const inside = box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height
        return inside && !taken.some((other) => overlap(box, other))
      })
      if (free === null) continue
      taken.push(boxOf(free.x, free.y, nameWidth))
      placed.push({ ...mark, atX: free.x, atY: free.y, named })
      break
    }
  }
  return placed
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

/** The nearest point on rings around a mark that will do. */
function nearest(
  { x, y }: AreaMark,
  furthest: number,
  willDo: (x: number, y: number) => boolean,
): { x: number; y: number } | null {
  if (willDo(x, y)) return { x, y }
  for (let ring = STEP; ring < furthest; ring += STEP) {
    for (let turn = 0; turn < DIRECTIONS; turn++) {
      const angle = (turn / DIRECTIONS) * 2 * Math.PI
      const at = { x: x + ring * Math.sin(angle), y: y + ring * Math.cos(angle) }
      if (willDo(at.x, at.y)) return at
    }
  }
  return null
}
