import type { Context, Ink } from './drawn.ts'

const LABELS_DRAWN_MAX = 160
const LINE_PX = 14

type Rect = {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/**
 * Writes words where nothing else stands: no label lies on another, none is cut by the edge of the frame, and the more important come
 * first.
 */
export class Labels {
  readonly #context: Context
  readonly #ink: Ink
  readonly #frame: Rect
  readonly #taken: Rect[] = []
  #written = 0

  constructor(context: Context, ink: Ink, frame: Rect) {
    this.#context = context
    this.#ink = ink
    this.#frame = frame
  }

  take(x: number, y: number, width: number, height: number): void {
    this.#taken.push({ x, y, width, height })
  }

  /** Right of a mark, left of it, below or above, wherever there is room; `off` is half the width of the mark. */
  beside(text: string, x: number, y: number, colour: string, font: string, off = 9): void {
    const width = this.#widthOf(text, font)
    this.#firstFree(text, colour, font, [
      [x + off, y],
      [x - off - width, y],
      [x - width / 2, y + 15],
      [x - width / 2, y - 15],
    ])
  }

  /** In one of the four corners of a mark that lines run through: right and above first. */
  corner(text: string, x: number, y: number, colour: string, font: string): void {
    const width = this.#widthOf(text, font)
    this.#firstFree(text, colour, font, [
      [x + 8, y - 11],
      [x + 8, y + 11],
      [x - 8 - width, y - 11],
      [x - 8 - width, y + 11],
    ])
  }

  #firstFree(
    text: string,
    colour: string,
    font: string,
    places: readonly (readonly [number, number])[],
  ): void {
    for (const [left, middle] of places) if (this.write(text, left, middle, colour, font)) return
  }

  #widthOf(text: string, font: string): number {
    this.#context.font = `${font} ${this.#ink.font}`
    return this.#context.measureText(text).width
  }

  /** False where something stands there already, or the frame ends. */
  write(text: string, x: number, y: number, colour: string, font: string, always = false): boolean {
    if (!always && (text === '' || this.#written >= LABELS_DRAWN_MAX)) return false
    const width = this.#widthOf(text, font)
    const box = { x: x - 1, y: y - LINE_PX / 2, width: width + 2, height: LINE_PX }
    if (!always && !this.#isFree(box)) return false
    if (!always) this.#taken.push(box)
    this.#written++
    const context = this.#context
    context.textBaseline = 'middle'
    context.lineJoin = 'round'
    context.lineWidth = 4
    context.strokeStyle = this.#ink.panel
    context.strokeText(text, x, y)
    context.fillStyle = colour
    context.fillText(text, x, y)
    return true
  }

  #isFree(box: Rect): boolean {
    const { x, width } = this.#frame
    // Beyond the frame labels wait on the sheet for a hand that moves it; one that its edge would cut is left out.
    const isCut = [x, x + width].some((edge) => box.x < edge && edge < box.x + box.width)
    return !isCut && !this.#taken.some((other) => overlap(other, box))
  }
}

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
