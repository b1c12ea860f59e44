import type { Ask, Drawing, DrawnState, Place, Target, Told, Wish } from './drawn.ts'
import type { NetworkMap } from './network.ts'
import { paint, paintGround, type Patch, type Picture } from './painter.ts'
import {
  hasPlaces,
  middleOf,
  pairsOfParts,
  sceneOfFeeders,
  sceneOfPlaces,
  switchPlace,
  type Pairs,
  type Scene,
} from './scene.ts'

type Canvas = OffscreenCanvas | HTMLCanvasElement

/**
 * Lays the network out and draws it on sheets: in a worker where the browser has them, so that a page of a hundred thousand lines
 * answers the hand while it is drawn. Knows nothing of the page but what it is asked.
 */
export function openDrawingRoom(tell: (told: Told, moved: Transferable[]) => void) {
  let map: NetworkMap | null = null
  let state: DrawnState | null = null
  const scenes = new Map<Drawing, Scene>()
  const patches = new Map<Drawing, readonly Patch[]>()
  let sheet: Canvas | undefined
  let ground: { readonly canvas: Canvas; readonly scene: Scene; readonly wish: Wish } | undefined

  function sceneOf(drawing: Drawing): Scene | null {
    if (map === null) return null
    const known = scenes.get(drawing)
    if (known !== undefined) return known
    const scene = drawing === 'map' && hasPlaces(map) ? sceneOfPlaces(map) : sceneOfFeeders(map)
    scenes.set(drawing, scene)
    return scene
  }

  function patchesOf(drawing: Drawing, scene: Scene): readonly Patch[] {
    const known = patches.get(drawing)
    if (known !== undefined) return known
    const parts = state?.parts ?? []
    const odd = new Map(state?.abnormal.map((each) => [each.switch, each.closedPhases]))
    const pairs = pairsOfParts(
      scene,
      parts.map(({ lines }) => lines),
      (device) => (odd.get(device) ?? scene.map.switches.normal[device]) !== 0,
    )
    const made = parts.map(({ outage, state, customers, lines }, index) => ({
      outage,
      state,
      customers,
      pairs: pairs[index] ?? [],
      middle: middleOf(scene, lines),
    }))
    patches.set(drawing, made)
    return made
  }

  function draw(wish: Wish): void {
    const scene = sceneOf(wish.drawing)
    if (scene === null) return
    const { view, size, beyond, density } = wish
    const whole = { width: size.width + beyond.x * 2, height: size.height + beyond.y * 2 }
    const shifted = { ...view, shiftX: view.shiftX + beyond.x, shiftY: view.shiftY + beyond.y }
    const width = Math.round(whole.width * density)
    const height = Math.round(whole.height * density)
    if (sheet === undefined || sheet.width !== width || sheet.height !== height) {
      sheet = newCanvas(width, height)
      ground = undefined
    }
    const context = contextOf(sheet)
    if (ground === undefined || ground.scene !== scene || !sameGround(ground.wish, wish)) {
      const canvas = ground?.canvas ?? newCanvas(width, height)
      paintGround(contextOf(canvas), whole, shifted, scene, wish)
      ground = { canvas, scene, wish }
    }
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.drawImage(ground.canvas, 0, 0)
    const picture: Picture = {
      scene,
      patches: patchesOf(wish.drawing, scene),
      state,
      closedTies: closedTies(scene, state),
      wish,
    }
    const targets = paint(context, whole, shifted, picture).map((target) => ({
      ...target,
      x: target.x - beyond.x,
      y: target.y - beyond.y,
    }))
    if ('transferToImageBitmap' in sheet) {
      const bitmap = sheet.transferToImageBitmap()
      tell({ told: 'picture', number: wish.number, sheet: bitmap, targets }, [bitmap])
    } else tell({ told: 'picture', number: wish.number, sheet, targets }, [])
  }

  function placeOf(drawing: Drawing, of: Target['is']): Place | null {
    const scene = sceneOf(drawing)
    if (scene === null) return null
    if ('device' in of) return switchPlace(scene, of.device)
    if ('node' in of) {
      const x = scene.x[of.node] ?? NaN
      const y = scene.y[of.node] ?? NaN
      return Number.isNaN(x + y) ? null : { x, y }
    }
    const found = patchesOf(drawing, scene).find(({ outage }) => outage === of.outage)
    return found?.middle ?? null
  }

  return function hear(ask: Ask): void {
    switch (ask.ask) {
      case 'network':
        map = ask.map
        scenes.clear()
        patches.clear()
        return
      case 'state':
        state = ask.state
        patches.clear()
        return
      case 'scene': {
        const scene = sceneOf(ask.drawing)
        if (scene === null) return
        const { bounds, feederBoxes } = scene
        return tell({ told: 'scene', drawing: ask.drawing, bounds, feeders: feederBoxes }, [])
      }
      case 'picture':
        return draw(ask.wish)
      case 'place':
        return tell({ told: 'place', of: ask.of, place: placeOf(ask.drawing, ask.of) }, [])
    }
  }
}

function closedTies(scene: Scene, state: DrawnState | null): Pairs {
  if (scene.kind === 'oneLine') return []
  const { from, to, normal } = scene.map.switches
  return (state?.abnormal ?? []).flatMap((each) =>
    each.closedPhases !== 0 && normal[each.switch] === 0
      ? [from[each.switch] as number, to[each.switch] as number]
      : [],
  )
}

const sameGround = (a: Wish, b: Wish): boolean =>
  a.view.scale === b.view.scale &&
  a.view.shiftX === b.view.shiftX &&
  a.view.shiftY === b.view.shiftY &&
  a.ink.panel === b.ink.panel

const newCanvas = (width: number, height: number): Canvas =>
  typeof OffscreenCanvas === 'undefined'
    ? Object.assign(document.createElement('canvas'), { width, height })
    : new OffscreenCanvas(width, height)

function contextOf(canvas: Canvas) {
  const context = canvas.getContext('2d', { alpha: false })
  // Browsers that draw at all give the context that they gave before.
  if (context === null) throw new Error('this browser cannot draw in two dimensions')
  return context
}
