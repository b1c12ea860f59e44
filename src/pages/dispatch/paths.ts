import type { Cell, Pairs, Scene } from './scene.ts'

/** Paths are made for a grain of at most this share of a pixel, and made again when the scale has doubled. */
const GRAIN_PX = 0.75

/** Which doubling of the scale a drawing belongs to, and the length in drawing units below which nothing of it can be told apart. */
export type Level = { readonly number: number; readonly grain: number }

export function levelOf(pxPerUnit: number): Level {
  const number = Math.ceil(Math.log2(pxPerUnit))
  return { number, grain: GRAIN_PX / 2 ** number }
}

/**
 * Lines as one path. Lines that follow one another are drawn through, so that dashes run on, and what is shorter than the grain is
 * passed over on the way: 100,000 lines on 700 pixels are mostly shorter than one.
 */
export function pathOf({ kind, x, y }: Scene, pairs: Pairs, grain: number): Path2D {
  const path = new Path2D()
  let penNode = -1
  let penX = 0
  let penY = 0
  let isDown = false
  for (let i = 0; i < pairs.length; i += 2) {
    let a = pairs[i] as number
    let b = pairs[i + 1] as number
    if (b === penNode) [a, b] = [b, a]
    const bx = x[b] as number
    const by = y[b] as number
    if (a !== penNode) {
      const ax = x[a] as number
      const ay = y[a] as number
      if (Number.isNaN(ax + ay)) continue
      penX = ax
      penY = ay
      isDown = false
    }
    if (Number.isNaN(bx + by)) continue
    penNode = b
    if (Math.abs(bx - penX) < grain && Math.abs(by - penY) < grain) continue
    if (!isDown) path.moveTo(penX, penY)
    isDown = true
    if (kind === 'oneLine' && penY !== by) path.lineTo(penX, by)
    path.lineTo(bx, by)
    penX = bx
    penY = by
  }
  return path
}

type CellPaths = { readonly level: number; readonly trunk: Path2D; readonly fine: Path2D }
const made = new WeakMap<Cell, CellPaths>()

/** The paths of a cell; one level of each cell is kept. */
export function cellPaths(scene: Scene, cell: Cell, { number, grain }: Level): CellPaths {
  const known = made.get(cell)
  if (known?.level === number) return known
  const paths = {
    level: number,
    trunk: pathOf(scene, cell.trunk, grain),
    fine: pathOf(scene, cell.fine, grain),
  }
  made.set(cell, paths)
  return paths
}
