import { paint, type Picture, type Size, type Target, type View } from './painter.ts'

/** The sheet reaches this far beyond the frame on each side, as a share of it: a drag shows no blank edge at once. */
const BEYOND = 0.25

/**
 * The drawing on a sheet larger than its frame. While a hand moves a large network the sheet is moved and stretched as it is, which
 * costs a copy; when the hand rests it is drawn again.
 */
export function openSheet(canvas: HTMLCanvasElement) {
  const shown = canvas.getContext('2d', { alpha: false })
  const sheet = document.createElement('canvas')
  const drawn = sheet.getContext('2d', { alpha: false })
  let last: { view: View; picture: Picture; size: Size } | undefined

  const copy = (at: View): void => {
    if (shown === null || last === undefined) return
    const { view, size } = last
    const dense = devicePixelRatio
    const ratio = at.scale / view.scale
    const beyond = beyondOf(size)
    const left = at.shiftX - (view.shiftX + beyond.x) * ratio
    const top = at.shiftY - (view.shiftY + beyond.y) * ratio
    const wide = (size.width + beyond.x * 2) * ratio
    const high = (size.height + beyond.y * 2) * ratio
    shown.setTransform(dense, 0, 0, dense, 0, 0)
    shown.fillStyle = getComputedStyle(canvas).backgroundColor
    shown.fillRect(0, 0, size.width, size.height)
    // Only the part in sight is copied: stretched whole, a sheet would be far larger than the screen.
    const fromX = Math.max(0, left)
    const fromY = Math.max(0, top)
    const inX = Math.min(size.width, left + wide) - fromX
    const inY = Math.min(size.height, top + high) - fromY
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
    /** Draws afresh; answers with what can be pointed at, in the coordinates of the frame. */
    paint(size: Size, view: View, picture: Picture): Target[] {
      if (drawn === null) return []
      const { x: beyondX, y: beyondY } = beyondOf(size)
      const whole = { width: size.width + beyondX * 2, height: size.height + beyondY * 2 }
      const width = Math.round(whole.width * devicePixelRatio)
      const height = Math.round(whole.height * devicePixelRatio)
      if (sheet.width !== width || sheet.height !== height) Object.assign(sheet, { width, height })
      const moved = { ...view, shiftX: view.shiftX + beyondX, shiftY: view.shiftY + beyondY }
      const targets = paint(drawn, whole, moved, picture)
      last = { view, picture, size }
      copy(view)
      return targets.map((target) => ({ ...target, x: target.x - beyondX, y: target.y - beyondY }))
    },
    /** Moves what was drawn; false where it is of another network or another state of it. */
    shift(view: View, picture: Picture): boolean {
      const { scene, patches, state, halo, trace } = picture
      const was = last?.picture
      const same = was?.scene === scene && was.patches === patches && was.state === state
      if (!same || was.halo !== halo || was.trace !== trace) return false
      copy(view)
      return true
    },
    forget(): void {
      last = undefined
    },
  }
}

/** Whole pixels, so that a copy at the same scale stays sharp. */
const beyondOf = ({ width, height }: Size) => ({
  x: Math.round(width * BEYOND),
  y: Math.round(height * BEYOND),
})
