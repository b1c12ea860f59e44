import { addressOf, ask, question } from './question.ts'
import { wl } from './words-load.ts'

/** Leads to the load, forecast and N-1 of a feeder or substation; an address of its own, like every view. */
export function PlaceLink({ id, name }: { id: string; name: string }) {
  const change = { view: 'balance', place: id } as const
  return (
    <a
      href={addressOf({ ...question.value, ...change })}
      title={wl.value.look(name)}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        ask(change)
      }}
    >
      {name}
    </a>
  )
}
