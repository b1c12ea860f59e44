import type { Known } from './reading.ts'
import { w } from './words.ts'

/** Says of a part that is not there yet that it is being read, or why it cannot be had. */
export function Unread({ of }: { of: Known<unknown> }) {
  const words = w.value
  if (of.state === 'known') return null
  return (
    <p class="unread" role="status">
      {of.state === 'reading' ? words.reading : words.failed(of.why || words.noAnswer)}
    </p>
  )
}
