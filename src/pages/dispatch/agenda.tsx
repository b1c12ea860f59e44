import { useEffect, useRef } from 'preact/hooks'
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
  rows,
  search,
} from './board.ts'
import { openAct, select, selected } from './desk.ts'
import { deviceName } from './network.ts'
import { estimatePassed, isOut, NO_PRIORITIES, stateOf, type Outage } from './outages.ts'
import { age, fieldAgeMs } from './top-bar.tsx'
import { w } from './words.ts'

/** Rows drawn at once; the list above says how many there are, and search and groups reach the rest. */
const ROWS_DRAWN_MAX = 300
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

export function Agenda() {
  const words = w.value
  const shown = rows.value
  return (
    <section class="agenda" aria-label={words.agenda} onPointerMove={hold} onPointerLeave={release}>
      <table>
        <caption class="vh">{words.order}</caption>
        <thead>
          <tr>
            <th scope="col">{words.col.state}</th>
            <th scope="col">{words.col.id}</th>
            <th scope="col">{words.col.device}</th>
            <th scope="col">{words.col.feeder}</th>
            <th scope="col" class="n">
              {words.col.out}
            </th>
            <th scope="col" class="n x2">
              {words.col.of}
            </th>
            <th scope="col">{words.col.critical}</th>
            <th scope="col" class="n">
              {words.col.start}
            </th>
            <th scope="col" class="n">
              {words.col.dur}
            </th>
            <th scope="col">{words.col.estimate}</th>
            <th scope="col">{words.col.crew}</th>
            <th scope="col" class="x2">
              {words.col.cause}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown
            .slice(0, ROWS_DRAWN_MAX)
            .map((outage, index) => [
              grouped.value && outage.feeder !== shown[index - 1]?.feeder && (
                <FeederRow key={`feeder ${outage.feeder}`} feeder={outage.feeder} />
              ),
              <Row key={outage.id} outage={outage} chosen={outage.id === selected.value} />,
            ])}
        </tbody>
      </table>
      {shown.length === 0 && <p class="empty">{sayEmpty()}</p>}
    </section>
  )
}

function sayEmpty(): string {
  const words = w.value
  if (readAt.value === null && past.value === null) return words.reading
  if (search.value !== '') return words.emptySearch(search.value)
  if (list.value !== 'active' || outages.value.size > 0) return words.emptyList
  const fieldMs = fieldAgeMs()
  return fieldMs === null ? words.emptyUnheard : words.emptyGood(age(fieldMs))
}

const FeederRow = ({ feeder }: { feeder: string | null }) => {
  const inside = rows.value.filter((outage) => outage.feeder === feeder)
  const customers = inside.reduce((sum, outage) => sum + outage.customersOut, 0)
  return (
    <tr class="grp">
      <th colSpan={12} scope="rowgroup">
        {w.value.feederRow(feeder ?? '?', inside.length, count(customers))}
      </th>
    </tr>
  )
}

function Row({ outage, chosen }: { outage: Outage; chosen: boolean }) {
  const words = w.value
  const row = useRef<HTMLTableRowElement>(null)
  useEffect(() => {
    if (chosen) row.current?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  const state = stateOf(outage)
  const startedAt = Date.parse(outage.startedAt)
  const untilAt = instant(outage.restoredAt) ?? past.value ?? now.value
  const urgent = priorities.value.get(outage.id) ?? NO_PRIORITIES
  return (
    <tr
      ref={row}
      class={chosen ? 'sel' : ''}
      aria-current={chosen ? 'true' : undefined}
      onClick={() => select(outage.id)}
    >
      <td>
        <StateWord of={state}>{words.short[state]}</StateWord>
      </td>
      <td>
        <button type="button" class="plain" onClick={() => select(outage.id)}>
          {outage.id}
        </button>
      </td>
      <td class="clip">{deviceName(outage.device) ?? words.networkChange}</td>
      <td class="clip">{outage.feeder ?? '…'}</td>
      <td class="n">
        {outage.customersOut > 0 ? <b>{count(outage.customersOut)}</b> : count(outage.customersOut)}
      </td>
      <td class="n mute x2">{count(outage.customersInterrupted)}</td>
      <td class="nw">
        {urgent.lifeSupport > 0 && <b>{words.ls(urgent.lifeSupport)} </b>}
        {urgent.critical > 0 && words.c(urgent.critical)}
      </td>
      <td class="n nw" title={outage.startUncertain ? words.uncertainStart : undefined}>
        {outage.startUncertain && '≤ '}
        {hhmm(startedAt)}
      </td>
      <td class="n">{hoursMinutes(untilAt - startedAt)}</td>
      <td class="nw">
        <Estimate outage={outage} />
      </td>
      <td class="nw clip">
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
