const LABELS_DRAWN_MAX = 160

/** Writes words where nothing else stands: no label lies on another, and the more important come first. */
export class Labels {
  readonly #context: CanvasRenderingContext2D
  readonly #surface: string
  readonly #taken: { x: number; y: number; width: number; height: number }[] = []
  #written = 0

  constructor(context: CanvasRenderingContext2D, surface: string) {
    this.#context = context
    this.#surface = surface
  }

  take(x: number, y: number, width: number, height: number): void {
    this.#taken.push({ x, y, width, height })
  }

  /** Right of a mark, left of it, below or above, wherever there is room. */
  beside(text: string, x: number, y: number, colour: string, font: string): void {
    this.#context.font = `${font} ${FONT}`
    const width = this.#context.measureText(text).width
    for (const [left, middle] of [
      [x + 9, y],
      [x - 9 - width, y],
      [x - width / 2, y + 15],
      [x - width / 2, y - 15],
    ] as const) {
      if (this.write(text, left, middle, colour, font)) return
    }
  }

  /** False where something stands there already. */
  write(text: string, x: number, y: number, colour: string, font: string, always = false): boolean {
    if (!always && (text === '' || this.#written >= LABELS_DRAWN_MAX)) return false
    const context = this.#context
    context.font = `${font} ${FONT}`
    const width = context.measureText(text).width
    const box = { x: x - 1, y: y - 7, width: width + 2, height: 14 }
    if (!always && this.#taken.some((other) => overlap(other, box))) return false
    if (!always) this.#taken.push(box)
    this.#written++
    context.textBaseline = 'middle'
    context.lineJoin = 'round'
    context.lineWidth = 4
    context.strokeStyle = this.#surface
    context.strokeText(text, x, y)
    context.fillStyle = colour
    context.fillText(text, x, y)
    return true
  }
}

const FONT = 'system-ui, "Liberation Sans", "Noto Sans CJK SC", sans-serif'

type Rect = { x: number; y: number; width: number; height: number }
const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
