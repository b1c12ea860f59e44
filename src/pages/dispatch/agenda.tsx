import { useEffect } from 'preact/hooks'
import { causeWord } from '../causes.ts'
import { count, hhmm, hoursMinutes, instant, language, spell } from '../language.ts'
import { StateWord } from '../marks.tsx'
import { now } from '../page-clock.ts'
import {
  grouped,
  held,
  list,
  listed,
  LISTS,
  outages,
  past,
  priorities,
  readAt,
  agendaLines,
  search,
  type AgendaLine,
} from './board.ts'
import { callsOf } from './calls.ts'
import { openAct, select, selected } from './desk.ts'
import { limits } from './limits.ts'
import { deviceName } from './network.ts'
import { GuessTab } from './probable-list.tsx'
import { estimatePassed, isOut, NO_PRIORITIES, stateOf, type Outage } from './outages.ts'
import { age, fieldAgeMs } from './top-bar.tsx'
import { rowHeightPx } from './row-height.ts'
import { useWindow } from './window.ts'
import { w } from './words.ts'

/** The pointer that rests this long lets the rows sort again. */
const REST_MS = 2_500

let rest: ReturnType<typeof setTimeout> | undefined
function hold(): void {
  held.value = true
  clearTimeout(rest)
  rest = setTimeout(() => (held.value = false), REST_MS)
}
function release(): void {
  clearTimeout(rest)
  held.value = false
}

export function AgendaBar() {
  const words = w.value
  return (
    <nav class="bar2" aria-label={words.agenda}>
      {LISTS.map((name, index) => (
        <button
          type="button"
          key={name}
          class="tab"
          aria-pressed={list.value === name}
          onClick={() => (list.value = name)}
        >
          {words.lists[name]} <b>{listed(name).length}</b>
          <kbd class="wide">{index + 1}</kbd>
        </button>
      ))}
      <button
        type="button"
        class={limits.value.length > 0 ? 'tab c-ovl' : 'tab'}
        aria-pressed={list.value === 'limits'}
        onClick={() => (list.value = 'limits')}
      >
        {words.lists.limits} <b>{limits.value.length}</b>
        <kbd class="wide">{LISTS.length + 1}</kbd>
      </button>
      <GuessTab />
      <button
        type="button"
        class="tab wide"
        aria-pressed={grouped.value}
        onClick={() => (grouped.value = !grouped.value)}
      >
        {words.byFeeder} <kbd>f</kbd>
      </button>
      <input
        id="search"
        class="push"
        type="search"
        aria-label={words.search}
        placeholder={words.searchHint}
        value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
    </nav>
  )
}

/** The head of the table, which stays while rows scroll below it. */
const HEAD_PX = 24
const COLUMNS = [
  'state',
  'device',
  'feeder',
  'out',
  'of',
  'critical',
  'calls',
  'start',
  'dur',
  'estimate',
  'crew',
  'cause',
] as const
const NUMBERS = new Set<string>(['out', 'of', 'calls', 'start', 'dur'])
const ONLY_WIDE = new Set<string>(['of', 'cause'])

export function Agenda() {
  const words = w.value
  const lines = agendaLines.value
  const window = useWindow(lines.length, rowHeightPx.value)
  const chosen = selected.value
  useEffect(() => {
    const at = lines.findIndex((line) => line.kind === 'outage' && line.outage.id === chosen)
    if (at >= 0) window.bringIntoSight(at, HEAD_PX)
  }, [chosen, list.value, grouped.value])
  return (
    <section
      class="agenda"
      ref={window.frame}
      tabIndex={0}
      aria-label={words.agenda}
      onPointerMove={hold}
      onPointerLeave={release}
    >
      <table aria-rowcount={lines.length + 1}>
        <caption class="vh">{words.order}</caption>
        <colgroup>
          {COLUMNS.map((name) => (
            <col key={name} class={`col-${name}${ONLY_WIDE.has(name) ? ' x2' : ''}`} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {COLUMNS.map((name) => (
              <th
                key={name}
                scope="col"
                class={`${NUMBERS.has(name) ? 'n' : ''}${ONLY_WIDE.has(name) ? ' x2' : ''}`}
              >
                {words.col[name]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {window.abovePx > 0 && <Spacer px={window.abovePx} />}
          {lines
            .slice(window.first, window.last)
            .map((line, index) =>
              line.kind === 'feeder' ? (
                <FeederRow key={`feeder ${line.feeder}`} line={line} at={window.first + index} />
              ) : (
                <Row
                  key={line.outage.id}
                  outage={line.outage}
                  chosen={line.outage.id === chosen}
                  at={window.first + index}
                />
              ),
            )}
          {window.belowPx > 0 && <Spacer px={window.belowPx} />}
        </tbody>
      </table>
      {lines.length === 0 && <p class="empty">{sayEmpty()}</p>}
    </section>
  )
}

const Spacer = ({ px }: { px: number }) => (
  <tr class="spacer" aria-hidden="true">
    <td height={px} />
  </tr>
)

function sayEmpty(): string {
  const words = w.value
  if (readAt.value === null && past.value === null) return words.reading
  if (search.value !== '') return words.emptySearch(search.value)
  if (list.value !== 'active' || outages.value.size > 0) return words.emptyList
  const fieldMs = fieldAgeMs()
  return fieldMs === null ? words.emptyUnheard : words.emptyGood(age(fieldMs))
}

const FeederRow = ({ line, at }: { line: AgendaLine & { kind: 'feeder' }; at: number }) => (
  <tr class="grp" aria-rowindex={at + 2}>
    <th colSpan={COLUMNS.length - ONLY_WIDE.size} scope="rowgroup">
      {w.value.feederRow(line.feeder ?? '?', line.outages, count(line.customers), line.noCrew)}
    </th>
    {/* A cell that spans hidden columns would make new ones. */}
    <td colSpan={ONLY_WIDE.size} class="x2" />
  </tr>
)

function Row({ outage, chosen, at }: { outage: Outage; chosen: boolean; at: number }) {
  const words = w.value
  const state = stateOf(outage)
  const startedAt = Date.parse(outage.startedAt)
  const untilAt = instant(outage.restoredAt) ?? past.value ?? now.value
  const urgent = priorities.value.get(outage.id) ?? NO_PRIORITIES
  const calls = callsOf.value.get(outage.id) ?? 0
  return (
    <tr
      class={chosen ? 'sel' : ''}
      aria-rowindex={at + 2}
      aria-current={chosen ? 'true' : undefined}
      onClick={() => select(outage.id)}
    >
      <td>
        <StateWord of={state}>{words.short[state]}</StateWord>
      </td>
      <td class="clip">
        <button type="button" class="plain" title={outage.id} onClick={() => select(outage.id)}>
          {deviceName(outage.device) ?? words.networkChange}
        </button>
      </td>
      <td class="clip">{outage.feeder ?? '…'}</td>
      <td class="n">
        {outage.customersOut > 0 ? <b>{count(outage.customersOut)}</b> : count(outage.customersOut)}
      </td>
      <td class="n mute x2">{count(outage.customersInterrupted)}</td>
      <td class="nw">
        {urgent.lifeSupport > 0 && <b>{words.ls(urgent.lifeSupport)} </b>}
        {urgent.critical > 0 && words.c(urgent.critical)}
      </td>
      <td class="n mute">{calls > 0 && count(calls)}</td>
      <td class="n nw" title={outage.startUncertain ? words.uncertainStart : undefined}>
        {outage.startUncertain && '≤ '}
        {hhmm(startedAt)}
      </td>
      <td class="n">{hoursMinutes(untilAt - startedAt)}</td>
      <td class="nw clip">
        <Estimate outage={outage} />
      </td>
      <td class="nw clip" title={outage.crew?.name}>
        <CrewCell outage={outage} />
      </td>
      <td class="x2 clip">
        {outage.cause === null ? (
          <span class="mute">{words.notKnownYet}</span>
        ) : (
          causeWord(outage.cause, language.value)
        )}
      </td>
    </tr>
  )
}

function Estimate({ outage }: { outage: Outage }) {
  const words = w.value
  const at = past.value ?? now.value
  if (outage.restoredAt !== null) {
    return <span class="mute">{words.backAt(hhmm(Date.parse(outage.restoredAt)))}</span>
  }
  if (outage.etr === null) return <span class="mute">{words.none}</span>
  const etrAt = Date.parse(outage.etr.at)
  if (estimatePassed(outage, at)) {
    return (
      <span class="late">
        <b>{hhmm(etrAt)}</b> {words.passedBy(spell(at - etrAt))}
      </span>
    )
  }
  return (
    <>
      {hhmm(etrAt)} <span class="mute">{words.source[outage.etr.source] ?? outage.etr.source}</span>
    </>
  )
}

function CrewCell({ outage }: { outage: Outage }) {
  const words = w.value
  const open = () => openAct({ kind: 'crew', outage: outage.id })
  if (outage.crew !== null) {
    return (
      <>
        {outage.crew.name} {words.crewState[outage.crew.state] ?? outage.crew.state}
      </>
    )
  }
  if (!isOut(outage)) return <span class="mute">{words.none}</span>
  return (
    <button type="button" class="plain" onClick={open}>
      <b>{words.none}</b>
    </button>
  )
}
