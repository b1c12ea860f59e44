import { signal } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'

/** Rows kept ready above and below what is in sight. */
const SPARE_ROWS = 12

/**
 * The part of a long list that is in sight, and the room that the rest takes: a list of thousands costs what a screen of it costs. All
 * rows are of one height, which is measured. On paper the whole list stands.
 */
export function useWindow(count: number, rowHeightPx: number) {
  const frame = useRef<HTMLElement>(null)
  const seen = useMemo(() => signal({ top: 0, height: 1_000 }), [])
  const onPaper = useMemo(() => signal(false), [])
  useEffect(() => {
    const print = (is: boolean) => () => (onPaper.value = is)
    const [before, after] = [print(true), print(false)]
    addEventListener('beforeprint', before)
    addEventListener('afterprint', after)
    return () => {
      removeEventListener('beforeprint', before)
      removeEventListener('afterprint', after)
    }
  }, [])
  useLayoutEffect(() => {
    const element = frame.current
    if (element === null) return
    const look = () => {
      const { scrollTop, clientHeight } = element
      const is = seen.peek()
      // A change of less than a row shows nothing new.
      if (Math.abs(is.top - scrollTop) < rowHeightPx && is.height === clientHeight) return
      seen.value = { top: scrollTop, height: clientHeight }
    }
    look()
    const watch = new ResizeObserver(look)
    watch.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      watch.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [rowHeightPx])
  const { top, height } = seen.value
  const first = onPaper.value ? 0 : Math.max(0, Math.floor(top / rowHeightPx) - SPARE_ROWS)
  const last = onPaper.value
    ? count
    : Math.min(count, Math.ceil((top + height) / rowHeightPx) + SPARE_ROWS)
  return {
    frame,
    first: Math.min(first, last),
    last,
    abovePx: Math.min(first, last) * rowHeightPx,
    belowPx: (count - last) * rowHeightPx,
    /** Scrolls as little as brings a row into sight below a head of this height. */
    bringIntoSight(row: number, headPx: number): void {
      const element = frame.current
      if (element === null) return
      const above = row * rowHeightPx
      const below = above + rowHeightPx + headPx - element.clientHeight
      if (element.scrollTop > above) element.scrollTop = above
      else if (element.scrollTop < below) element.scrollTop = below
    },
  }
}
