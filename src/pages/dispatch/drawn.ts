import type { State } from '../marks.tsx'
import type { Box } from './scene.ts'
import type { NetworkMap, NetworkState } from './network.ts'

/** Screen = drawing × scale + shift, in CSS pixels. */
export type View = { readonly scale: number; readonly shiftX: number; readonly shiftY: number }
export type Size = { readonly width: number; readonly height: number }
export type Place = { readonly x: number; readonly y: number }
export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D
export type Drawing = 'map' | 'oneLine'

/** The colours of the style sheet and its font, computed: a worker has no style sheet. */
export type Ink = Readonly<
  Record<'ink' | 'muted' | 'panel' | 'raise' | 'net' | 'fine' | 'ovl' | 'font' | State, string>
>

/** A part of the network that is not normal, as the board knows it. */
export type DrawnPart = {
  readonly outage: string | null
  readonly state: State
  readonly customers: number
  readonly lines: readonly number[]
}
export type DrawnState = Pick<NetworkState, 'abnormal' | 'silent'> & {
  readonly parts: readonly DrawnPart[]
  readonly limits: readonly DrawnLimit[]
}
/** A limit that is passed: a load over its rating, feeders in parallel for too long. At one node, or between two. */
export type DrawnLimit = {
  readonly nodes: readonly number[]
  readonly words: string
}

/** What a picture is asked to show. `number` comes back with it. */
export type Wish = {
  readonly number: number
  readonly drawing: Drawing
  readonly view: View
  readonly size: Size
  /** The sheet reaches this far beyond the frame on each side, in pixels: a drag shows no blank edge at once. */
  readonly beyond: Place
  readonly density: number
  readonly ink: Ink
  readonly selected: string | null
  readonly device: number | null
  readonly halo: readonly number[]
  readonly trace: readonly number[]
}

/** Something drawn that can be pointed at, by its place in the frame. */
export type Target = Place & {
  readonly reach: number
  readonly is: { readonly outage: string } | { readonly device: number } | { readonly node: number }
}

/** To whoever draws. Of several wishes only the last is drawn. */
export type Ask =
  | { readonly ask: 'network'; readonly map: NetworkMap }
  | { readonly ask: 'state'; readonly state: DrawnState }
  | { readonly ask: 'scene'; readonly drawing: Drawing }
  | { readonly ask: 'picture'; readonly wish: Wish }
  | { readonly ask: 'place'; readonly drawing: Drawing; readonly of: Target['is'] }

/** From whoever draws. */
export type Told =
  | {
      readonly told: 'scene'
      readonly drawing: Drawing
      readonly bounds: Box
      /** Where each feeder lies in a one-line, by id. */
      readonly feeders: ReadonlyMap<string, Box>
    }
  | {
      readonly told: 'picture'
      readonly number: number
      readonly sheet: ImageBitmap | HTMLCanvasElement
      readonly targets: readonly Target[]
    }
  | { readonly told: 'place'; readonly of: Target['is']; readonly place: Place | null }
