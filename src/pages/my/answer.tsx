import { useState } from 'preact/hooks'
import { MS_PER_H } from '../../time.ts'
import { send } from '../api.ts'
import { causeWord } from '../causes.ts'
import { count, hhmm, instant, language, spell, when } from '../language.ts'
import { Mark, type MarkName } from '../marks.tsx'
import { now } from '../page-clock.ts'
import { readMe, type Masked, type MyPoint } from './me.ts'
import { w } from './words.ts'

/** For this long after supply came back the page says so first. */
const BACK_SAID_MS = 12 * MS_PER_H

type BothLanguages = { readonly en: string; readonly 'zh-CN': string }
type Kind = 'on' | 'maybe' | 'out' | 'late' | 'plan' | 'back' | 'unknown'
const LOOKS: Record<Kind, { mark: MarkName; className: string }> = {
  on: { mark: 'on', className: 'k-on' },
  maybe: { mark: 'pred', className: 'k-maybe' },
  out: { mark: 'out', className: 'k-out' },
  late: { mark: 'out', className: 'k-out' },
  plan: { mark: 'plan', className: 'k-plan' },
  back: { mark: 'back', className: 'k-back' },
  unknown: { mark: 'stale', className: 'k-on' },
}

export function kindOf(point: MyPoint, at: number): Kind {
  if (point.supply === 'unknown') return 'unknown'
  if (point.supply === 'on') {
    if (point.probablyOff != null) return 'maybe'
    const since = instant(point.since)
    const last = point.history.interruptions[0]
    return last !== undefined && since !== null && at - since < BACK_SAID_MS ? 'back' : 'on'
  }
  const etrAt = instant(point.etr?.latest ?? point.etr?.at)
  // Never an estimate in the past, whoever gave it.
  if (etrAt !== null && etrAt < at) return 'late'
  return point.outage?.kind === 'planned' ? 'plan' : 'out'
}

export function Answer({ point, name }: { point: MyPoint; name: string }) {
  const kind = kindOf(point, now.value)
  const { mark, className } = LOOKS[kind]
  return (
    <section class={`ans ${className}`} role="status">
      <p class="ad">{name}</p>
      <h1>
        <Mark of={mark} />
        <span>{headOf(kind, point)}</span>
      </h1>
      <p class="lead">
        <Lead kind={kind} point={point} />
      </p>
      {point.supply === 'off' && <Course point={point} />}
    </section>
  )
}

function headOf(kind: Kind, point: MyPoint): string {
  const words = w.value
  const since = instant(point.since)
  switch (kind) {
    case 'on':
      return words.on
    case 'maybe':
      return words.maybeOff
    case 'out':
      return words.out
    case 'late':
      return words.stillOut
    case 'plan':
      return words.planned
    case 'back':
      return words.backHead(since === null ? '' : when(since, now.value))
    case 'unknown':
      return words.unknown
  }
}

function Lead({ kind, point }: { kind: Kind; point: MyPoint }) {
  const words = w.value
  const since = instant(point.since)
  switch (kind) {
    case 'on':
      return <>{since === null ? words.onLeadAlways : words.onLead(when(since, now.value))}</>
    case 'unknown':
      return <>{words.unknownLead}</>
    case 'maybe':
      return <>{point.probablyOff?.text[language.value]}</>
    case 'back': {
      const last = point.history.interruptions[0]
      return (
        <>
          {last !== undefined &&
            words.backLead(spell(Date.parse(last.until) - Date.parse(last.from)))}{' '}
          <b>{words.stillDark}</b>
        </>
      )
    }
    case 'late':
      return <>{words.passed(when(instant(point.etr?.latest ?? point.etr?.at) ?? 0, now.value))}</>
    case 'out':
    case 'plan': {
      const { etr } = point
      if (etr === null) return <>{words.noEstimate}</>
      const at = when(Date.parse(etr.at), now.value)
      if (etr.earliest === null || etr.latest === null) return <b>{words.expected(at)}</b>
      return (
        <>
          <b>
            {words.expectedRange(
              when(Date.parse(etr.earliest), now.value),
              when(Date.parse(etr.latest), now.value),
            )}
          </b>
          {etr.source === 'storm' ? words.cautious(at) : words.likely(at)}
        </>
      )
    }
  }
}

const TRACK = 300
/** From the first minute without supply to the estimate, with now between: how much of it lies behind. */
function Course({ point }: { point: MyPoint }) {
  const from = instant(point.since)
  const last = instant(point.etr?.latest ?? point.etr?.at)
  if (from === null || last === null || last <= now.value) return null
  const x = (at: number) => ((at - from) / (last - from)) * TRACK
  const early = instant(point.etr?.earliest ?? point.etr?.at) ?? last
  const nowX = x(now.value)
  return (
    <svg class="course" viewBox={`-8 0 ${TRACK + 16} 52`} aria-hidden="true">
      <rect class="track" x="0" y="18" width={TRACK} height="11" />
      <rect class="elapsed" x="0" y="18" width={nowX} height="11" />
      <rect class="range" x={x(early)} y="18" width={Math.max(2, TRACK - x(early))} height="11" />
      <path class="tick" d={`M${nowX} 14v19`} />
      <text x={Math.min(TRACK - 16, Math.max(16, nowX))} y="11" class="m b">
        {w.value.now}
      </text>
      <text x="0" y="46">
        {hhmm(from)}
      </text>
      {x(early) > 50 && x(early) < TRACK - 60 && (
        <text x={x(early)} y="46" class="m">
          {hhmm(early)}
        </text>
      )}
      <text x={TRACK} y="46" class="e">
        {hhmm(last)}
      </text>
    </svg>
  )
}

/** The customer may contradict us with one tap. */
export function Reports({ point }: { point: MyPoint }) {
  const words = w.value
  const [said, setSaid] = useState<BothLanguages | string>('')
  const [sending, setSending] = useState(false)
  const kind = kindOf(point, now.value)
  const report = async (what: 'noPower' | 'back') => {
    setSending(true)
    const body = { servicePoint: point.id, kind: what }
    const answer = await send<{ text: BothLanguages }>('/api/v1/me/reports', body)
    setSending(false)
    if (answer.ok) setSaid(answer.value.text)
    else {
      const { status, title, detail } = answer.problem
      setSaid(words.reportFailed(status === 0 ? words.noAnswer : detail || title))
    }
    await readMe()
  }
  const off = point.supply === 'off'
  const offWord = off || kind === 'back' ? words.stillOff : words.amOff
  const onWord = off ? words.isBack : words.amOn
  return (
    <>
      <div class="acts noprint">
        <button
          type="button"
          class={off ? '' : 'go'}
          disabled={sending}
          onClick={() => void report('noPower')}
        >
          {offWord}
        </button>
        <button
          type="button"
          class={off ? 'go' : ''}
          disabled={sending}
          onClick={() => void report('back')}
        >
          {onWord}
        </button>
      </div>
      <p class="said" role="status">
        {typeof said === 'string' ? said : said[language.value]}
      </p>
    </>
  )
}

const sayCount = (masked: Masked): string =>
  typeof masked === 'number' ? count(masked) : w.value.fewer(masked.max)

export function Facts({ point }: { point: MyPoint }) {
  const words = w.value
  const { outage, etr } = point
  if (outage === null) return null
  const since = instant(point.since)
  const crewState = outage.crew?.state ?? null
  const crewAt = instant(outage.crew?.at)
  const crewWord = crewState === null ? null : (words.crewState[crewState] ?? crewState)
  const { customersInterrupted: lost, customersOut: out } = outage
  const back = typeof lost === 'number' && typeof out === 'number' ? lost - out : null
  const rows: [string, string][] = [
    [words.since, since === null ? words.notKnown : when(since, now.value)],
    [words.cause, outage.cause === null ? words.notKnown : causeWord(outage.cause, language.value)],
    [
      words.crew,
      crewWord === null
        ? words.noCrew
        : crewAt === null
          ? crewWord
          : words.crewSince(crewWord, when(crewAt, now.value)),
    ],
    ...(etr === null
      ? []
      : [
          [
            words.estimate,
            words.given(
              words.source[etr.source] ?? etr.source,
              when(Date.parse(etr.issuedAt), now.value),
            ),
          ] satisfies [string, string],
        ]),
    [
      words.homes,
      back !== null && back > 0
        ? words.lostBack(sayCount(lost), count(back), sayCount(out))
        : words.lostAll(sayCount(out)),
    ],
  ]
  return (
    <dl class="f">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
