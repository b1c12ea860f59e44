import { signal } from '@preact/signals'

/** The height of a row as the style sheet has it for this screen, in pixels. */
const read = (): number =>
  parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 28
export const rowHeightPx = signal(read())
addEventListener('resize', () => (rowHeightPx.value = read()))
