import { useState } from 'preact/hooks'
import { send } from '../api.ts'
import { count, hhmm, hhmmss } from '../language.ts'
import { now } from '../page-clock.ts'
import { ActFrame, Field } from './act-frame.tsx'
import { outages, readBoard } from './board.ts'
import { selected } from './desk.ts'
import { detail, type OutageDetail } from './detail-data.ts'
import { outageName } from './network.ts'
import type { Outage } from './outages.ts'
import { w } from './words.ts'

/** Candidates offered; others are a matter for the interface. */
const OFFERED_MAX = 50

/** Those that are most likely the same: of the same feeder first, then what began nearest in time. */
function likeliest(outage: Outage): Outage[] {
  const apart = (other: Outage) =>
    Math.abs(Date.parse(other.startedAt) - Date.parse(outage.startedAt))
  const isNear = (other: Outage) => Number(other.feeder === outage.feeder)
  return [...outages.value.values()]
    .filter(({ id, kind }) => id !== outage.id && kind === outage.kind)
    .sort((a, b) => isNear(b) - isNear(a) || apart(a) - apart(b))
    .slice(0, OFFERED_MAX)
}

const minutesOf = ({ customerMinutes }: Outage) => Math.round(customerMinutes)

/** Two outages are one. Nobody's minutes change; the one that began first keeps its name. */
export function MergeForm({ outage }: { outage: Outage }) {
  const words = w.value.ruling
  const offered = likeliest(outage)
  const [other, setOther] = useState('')
  const found = outages.value.get(other)
  const [first, second] =
    found !== undefined && Date.parse(found.startedAt) < Date.parse(outage.startedAt)
      ? [found, outage]
      : [outage, found]
  return (
    <ActFrame
      head={words.mergeHead(outageName(outage))}
      after={async () => {
        await readBoard()
        selected.value = first.id
      }}
      doing={{
        button: words.merge,
        refusal:
          offered.length === 0 ? words.mergeNone : second === undefined ? words.mergeBad : null,
        run: () => send(`/api/v1/outages/${encodeURIComponent(outage.id)}/merge`, { with: other }),
      }}
    >
      <p class="eff" role="status">
        {second === undefined
          ? ' '
          : words.mergeEffect(
              outageName(first),
              count(first.customersOut + second.customersOut),
              count(minutesOf(first) + minutesOf(second)),
            )}
      </p>
      <div class="fields">
        <Field label={words.mergeWith}>
          <select value={other} onChange={(event) => setOther(event.currentTarget.value)}>
            <option value="">…</option>
            {offered.map((each) => (
              <option key={each.id} value={each.id}>
                {words.candidate(
                  outageName(each),
                  each.feeder ?? '',
                  count(each.customersInterrupted),
                )}
              </option>
            ))}
          </select>
        </Field>
      </div>
      {second !== undefined && (
        <ul class="checks">
          <li>{words.mergeKeeps(outageName(first))}</li>
          <li>{words.mergeBack(outageName(second))}</li>
        </ul>
      )}
    </ActFrame>
  )
}

type Cut = { readonly key: string; readonly body: object; readonly says: string; part: string }

/** One outage is two: what was merged into it is taken out again, or what its device did from an instant on stands alone. */
export function SplitForm({ outage }: { outage: Outage }) {
  const words = w.value.ruling
  const [key, setKey] = useState('')
  const kept = detail.value?.id === outage.id ? detail.value : null
  const cuts = kept === null ? [] : cutsOf(kept)
  const cut = cuts.find((each) => each.key === key)
  return (
    <ActFrame
      head={words.splitHead(outageName(outage))}
      after={readBoard}
      doing={{
        button: words.split,
        refusal: cuts.length === 0 ? words.splitNone : cut === undefined ? words.splitBad : null,
        run: () => send(`/api/v1/outages/${encodeURIComponent(outage.id)}/split`, cut?.body ?? {}),
      }}
    >
      <p class="eff" role="status">
        {cut?.part ?? ' '}
      </p>
      <div class="fields">
        <Field label={words.splitWhere}>
          <select value={key} onChange={(event) => setKey(event.currentTarget.value)}>
            <option value="">…</option>
            {cuts.map((each) => (
              <option key={each.key} value={each.key}>
                {each.says}
              </option>
            ))}
          </select>
        </Field>
      </div>
      {cut !== undefined && <p>{words.splitKeeps}</p>}
    </ActFrame>
  )
}

/** Where an outage can be cut, each with what lies on either side. */
function cutsOf(outage: OutageDetail): Cut[] {
  const words = w.value.ruling
  const startedAt = Date.parse(outage.startedAt)
  const merged = outage.merged.map((part): Cut => ({
    key: part,
    body: { part },
    says: words.splitPart(part),
    part: words.splitPartEffect(part, outageName(outage)),
  }))
  const begun = [...new Set(outage.interruptions.map(({ from }) => Date.parse(from)))]
    .filter((at) => at > startedAt)
    .sort((a, b) => a - b)
  const later = begun.map((at): Cut => {
    const [before, after] = [0, 0].map((_, side) =>
      outage.interruptions
        .filter(({ from }) => Date.parse(from) >= at === (side === 1))
        .reduce((sum, { from, until, customers }) => {
          const untilAt = until === null ? now.value : Date.parse(until)
          return sum + ((untilAt - Date.parse(from)) / 60_000) * customers
        }, 0),
    )
    return {
      key: String(at),
      body: { at: new Date(at).toISOString() },
      says: words.splitAt(hhmmss(at)),
      part: words.splitAtEffect(
        hhmm(at),
        count(Math.round(before ?? 0)),
        count(Math.round(after ?? 0)),
      ),
    }
  })
  return [...merged, ...later]
}
