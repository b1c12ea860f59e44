import type { ComponentChildren } from 'preact'
import { amend, question } from './question.ts'

/** The table behind a chart, folded away and not made until it is wanted; the address says which are out, so that a colleague sees the same. */
export function Fold(parts: { name: string; says: string; children: ComponentChildren }) {
  const { name } = parts
  const out = question.value.open.includes(name)
  return (
    <details
      open={out}
      onToggle={(event) => {
        const now = event.currentTarget.open
        if (now === question.peek().open.includes(name)) return
        const others = question.peek().open.filter((each) => each !== name)
        amend({ open: now ? [...others, name] : others })
      }}
    >
      <summary>{parts.says}</summary>
      {out && parts.children}
    </details>
  )
}
