import type { Page } from 'playwright-core'

/** Sizes that people sit before: a phone (all of it unrolled), a laptop, a wide screen. */
export const SIZES = [
  { width: 390, height: 2600 },
  { width: 1366, height: 768 },
  { width: 1920, height: 1080 },
] as const

// Runs in the page. What is laid over the rest (a dialog, a bar that stays) may cover what is below it; all else has a place of its own.
const FAULTS = `(() => {
  const APART_PX = 3
  const faults = []
  const wide = document.documentElement.scrollWidth
  if (wide > innerWidth) faults.push('the page is ' + wide + ' px wide')
  const isOver = (element) => {
    for (let one = element; one !== null; one = one.parentElement) {
      const { position } = getComputedStyle(one)
      if (position === 'fixed' || position === 'sticky' || position === 'absolute') return one
    }
    return null
  }
  /** What of a box is seen through the windows that it lies in. */
  const seen = (box, element) => {
    let { left, right, top, bottom } = box
    for (let one = element.parentElement; one !== null; one = one.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(one)
      if (overflowX === 'visible' && overflowY === 'visible') continue
      const window = one.getBoundingClientRect()
      if (overflowX !== 'visible') { left = Math.max(left, window.left); right = Math.min(right, window.right) }
      if (overflowY !== 'visible') { top = Math.max(top, window.top); bottom = Math.min(bottom, window.bottom) }
    }
    return { left, right, top, bottom }
  }
  const isThere = ({ left, right, top, bottom }) => right - left > 1 && bottom - top > 1
  const meet = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > APART_PX &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > APART_PX
  const nameOf = (element) =>
    element.tagName.toLowerCase() + (element.className && element.className.baseVal === undefined ? '.' + element.className : '') +
    ' "' + (element.innerText || element.getAttribute('aria-label') || '').slice(0, 30).replaceAll('\\n', ' ') + '"'
  const controls = [...document.querySelectorAll('button, a[href], input, select, textarea, summary')]
    .filter((element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && element.closest('.vh') === null && element.closest('svg') === null)
    .map((element) => ({ element, whole: element.getBoundingClientRect(), over: isOver(element) }))
    .map((one) => ({ ...one, box: seen(one.whole, one.element) }))
    .filter(({ box }) => isThere(box))
  for (const { element, whole, box } of controls) {
    if (whole.right - box.right > APART_PX && element.closest('table') === null)
      faults.push(nameOf(element) + ' is cut')
  }
  for (const [i, a] of controls.entries()) {
    for (const b of controls.slice(i + 1)) {
      if (a.over !== b.over || a.element.contains(b.element) || b.element.contains(a.element)) continue
      if (meet(a.box, b.box)) faults.push(nameOf(a.element) + ' lies on ' + nameOf(b.element))
    }
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const parent = node.parentElement
    if (node.data.trim() === '' || parent.closest('.vh, svg, script, style, option') !== null) continue
    if (!parent.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    const over = isOver(parent)
    for (const line of range.getClientRects()) {
      const box = seen(line, parent)
      if (!isThere(box)) continue
      for (const control of controls) {
        if (control.over !== over || control.element.contains(parent) || parent.contains(control.element) && parent === control.element) continue
        if (meet(box, control.box)) faults.push('the text "' + node.data.trim().slice(0, 30) + '" lies on ' + nameOf(control.element))
      }
    }
  }
  return [...new Set(faults)].slice(0, 8)
})()`

/** What is wrong with the layout of a page at each size: wider than the screen, or things that lie on each other. */
export async function layoutFaults(page: Page): Promise<string[]> {
  const before = page.viewportSize()
  const faults: string[] = []
  for (const size of SIZES) {
    await page.setViewportSize(size)
    await page.evaluate(
      'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
    )
    const found = await page.evaluate<string[]>(FAULTS)
    faults.push(...found.map((fault) => `${size.width} px: ${fault}`))
  }
  if (before !== null) await page.setViewportSize(before)
  return faults
}
