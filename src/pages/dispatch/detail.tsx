import { signal } from '@preact/signals'
import { CAUSE_DETAILS, detailName } from '../../reliability/cause-detail.ts'
import { causeWord } from '../causes.ts'
import { count, hhmm, hhmmss, hoursMinutes, instant, language, when } from '../language.ts'
import { StateWord } from '../marks.tsx'
import { now } from '../page-clock.ts'
import { outageNamed, past, priorities, rows } from './board.ts'
import { openAct, selected } from './desk.ts'
import { detail, outAt, type Evidence, type TimelineEntry } from './detail-data.ts'
import { FindingsThere } from './findings.tsx'
import { deviceName, outageName } from './network.ts'
import { isOut, NO_PRIORITIES, stateOf, type Outage } from './outages.ts'
import { Stair } from './stair.tsx'
import { w } from './words.ts'

type Tab = 'steps' | 'evidence' | 'notices'
const TABS = ['steps', 'evidence', 'notices'] as const
const tab = signal<Tab>('steps')

/** A late word is one that was learned this long after it happened. */
const LATE_MS = 30_000

const BUTTONS = [
  ['etr', 'e'],
  ['crew', 'a'],
  ['cause', 'u'],
  ['note', 'n'],
  ['close', 'c'],
] as const

const RULINGS = [
  ['merge', 'w'],
  ['split', 'x'],
] as const

export function Detail() {
  const words = w.value
  const outage = outageNamed(selected.value)
  if (outage === null) {
    return (
      <section class="detail" id="detail" tabIndex={-1}>
        {rows.value.length > 0 && <p class="empty">{words.pick}</p>}
      </section>
    )
  }
  const state = stateOf(outage)
  const device = deviceName(outage.device) ?? words.networkChange
  return (
    <section class="detail" id="detail" tabIndex={-1} aria-label={outageName(outage)}>
      <div class="dh">
        <StateWord of={state}>{words.long[state]}</StateWord>
        <h2 class="clip">
          {[device, outage.feeder].filter((part) => part !== null).join(' · ')}
          {', '}
          {hhmm(Date.parse(outage.startedAt))}
        </h2>
        {past.value === null && (
          <span class="push row">
            {BUTTONS.filter(([kind]) => kind !== 'close' || !isOut(outage)).map(([kind, key]) => (
              <button type="button" key={kind} onClick={() => openAct({ kind, outage: outage.id })}>
                {words[kind]} <kbd>{key}</kbd>
              </button>
            ))}
            {outage.device !== null && isOut(outage) && (
              <button
                type="button"
                onClick={() =>
                  openAct({ kind: 'switch', switch: outage.device ?? '', position: 'closed' })
                }
              >
                {words.restore} <kbd>r</kbd>
              </button>
            )}
          </span>
        )}
      </div>
      <Facts outage={outage} />
      <div class="cols">
        <div>
          <div class="headrow">
            <h3>{words.timeline}</h3>
            {past.value === null &&
              RULINGS.map(([kind, key]) => (
                <button
                  type="button"
                  class="plain"
                  key={kind}
                  onClick={() => openAct({ kind, outage: outage.id })}
                >
                  {words[kind]} <kbd>{key}</kbd>
                </button>
              ))}
          </div>
          <Timeline outage={outage} />
          <FindingsThere outage={outage.id} />
          <Corrections />
        </div>
        <div>
          <div class="tabs" role="group">
            {TABS.map((name) => (
              <button
                type="button"
                key={name}
                class="tab"
                aria-pressed={tab.value === name}
                onClick={() => (tab.value = name)}
              >
                {words.tabs[name]}
              </button>
            ))}
          </div>
          {tab.value === 'steps' && <Steps outage={outage} />}
          {tab.value === 'evidence' && <EvidenceList />}
          {tab.value === 'notices' && <Notices />}
        </div>
      </div>
    </section>
  )
}

function Facts({ outage }: { outage: Outage }) {
  const words = w.value
  const at = past.value ?? now.value
  const urgent = priorities.value.get(outage.id) ?? NO_PRIORITIES
  const lasted = (instant(outage.restoredAt) ?? at) - Date.parse(outage.startedAt)
  return (
    <p class="facts">
      <span>
        <b>{words.outOf(count(outage.customersOut), count(outage.customersInterrupted))}</b>{' '}
        {words.forTime(hoursMinutes(lasted))}
      </span>
      <span>
        {isOut(outage)
          ? words.soFar(count(Math.round(outage.customerMinutes)), count(outage.customersOut))
          : words.total(count(Math.round(outage.customerMinutes)))}
      </span>
      {urgent.lifeSupport > 0 && <b>{words.lifeSupportOut(urgent.lifeSupport)}</b>}
      {urgent.critical > 0 && <b>{words.criticalOut(urgent.critical)}</b>}
      <span>
        {words.cause}{' '}
        <b>{outage.cause === null ? words.notKnownYet : causeWord(outage.cause, language.value)}</b>
        {besideCause(outage)}
      </span>
      <span>
        {words.crew}{' '}
        <b>
          {outage.crew === null
            ? words.none
            : `${outage.crew.name}, ${words.crewState[outage.crew.state] ?? outage.crew.state}`}
        </b>
      </span>
      {outage.startUncertain && <span>{words.uncertainStart}</span>}
      <code class="id">{outage.id}</code>
    </p>
  )
}

/** What was said beside the cause, in brackets; nothing where nothing was. */
function besideCause({ causeDetail }: Outage): string {
  const names = CAUSE_DETAILS.flatMap((name) => {
    const code = causeDetail?.[name]
    return code == null ? [] : [detailName(name, code)[language.value]]
  })
  return names.length === 0 ? '' : ` (${names.join(', ')})`
}

type Line = { readonly at: number; readonly says: preact.ComponentChildren; readonly by: string }

/** What people did and what the field said, newest first. */
function Timeline({ outage }: { outage: Outage }) {
  const words = w.value
  const kept = detail.value?.id === outage.id ? detail.value : null
  const lines: Line[] = [
    {
      at: Date.parse(outage.startedAt),
      says: (
        <>
          <b>
            {deviceName(outage.device) ?? words.networkChange} {words.event.opened}
          </b>
          , {words.event.outN(count(outage.customersInterrupted))}
        </>
      ),
      by: '',
    },
    ...outage.steps.map((step) => ({
      at: Date.parse(step.at),
      says: (
        <>
          <b>
            {step.device === null
              ? words.networkChange
              : `${deviceName(step.device)} ${words.event.closedDevice}`}
          </b>
          , {words.event.backN(count(step.customersRestored))}
        </>
      ),
      by: '',
    })),
    ...(kept?.timeline ?? []).flatMap((entry) => {
      const says = sayEntry(entry)
      return says === null ? [] : [{ at: Date.parse(entry.at), says, by: entry.by ?? '' }]
    }),
  ].sort((a, b) => b.at - a.at)
  return (
    <table class="tl">
      <tbody>
        {lines.map((line, index) => (
          <tr key={index}>
            <td>{hhmmss(line.at)}</td>
            <td>{line.says}</td>
            <td class="by clip">{line.by}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Null for what the steps say already, and for kinds this page does not know. */
function sayEntry({ kind, data }: TimelineEntry): preact.ComponentChildren | null {
  const words = w.value
  const text = (name: string) => (typeof data[name] === 'string' ? data[name] : null)
  const time = (name: string) => {
    const value = data[name]
    if (typeof value === 'number') return hhmm(value)
    return typeof value === 'string' ? hhmm(Date.parse(value)) : null
  }
  switch (kind) {
    case 'etr': {
      const earliest = time('earliest')
      const latest = time('latest')
      const range = earliest === null || latest === null ? '' : `, ${words.to(earliest, latest)}`
      return words.event.etr(time('at') ?? '', range)
    }
    case 'crew':
      return words.event.crew(
        text('name') ?? '',
        words.crewState[text('state') ?? ''] ?? text('state') ?? '',
      )
    case 'cause':
      return words.event.cause(causeWord(text('cause') ?? '', language.value))
    case 'note':
      return text('text')
    case 'merge':
    case 'split': {
      const { took, into, gave, from } = words.event.ruled
      for (const [name, say] of Object.entries({ took, into, gave, from })) {
        const other = text(name)
        if (other !== null) return say(other)
      }
      return null
    }
    case 'close':
    case 'closed':
      return words.event.closed
    default:
      return null
  }
}

function Steps({ outage }: { outage: Outage }) {
  const words = w.value
  const kept = detail.value?.id === outage.id ? detail.value : null
  const estimates = (kept?.timeline ?? []).filter(({ kind }) => kind === 'etr').toReversed()
  return (
    <>
      {kept !== null && <Stair outage={kept} />}
      <table>
        <thead>
          <tr>
            <th scope="col">{words.step}</th>
            <th scope="col">{words.at}</th>
            <th scope="col">{words.col.device}</th>
            <th scope="col" class="n">
              {words.back}
            </th>
            <th scope="col" class="n">
              {words.stillOut}
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <td>{words.start}</td>
            <td>{hhmmss(Date.parse(outage.startedAt))}</td>
            <td class="clip">{deviceName(outage.device) ?? words.networkChange}</td>
            <td />
            <td class="n">{kept !== null && count(outAt(kept, Date.parse(outage.startedAt)))}</td>
          </tr>
          {outage.steps.map((step, index) => {
            return (
              <tr key={index}>
                <td>{index + 1}</td>
                <td>{hhmmss(Date.parse(step.at))}</td>
                <td class="clip">{deviceName(step.device) ?? words.networkChange}</td>
                <td class="n">{count(step.customersRestored)}</td>
                <td class="n">
                  <b>{kept !== null && count(outAt(kept, Date.parse(step.at)))}</b>
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {estimates.length > 0 && (
        <>
          <h3>{words.estimates}</h3>
          <ul class="plainlist">
            {estimates.map((entry, index) => (
              <li key={index} class={index > 0 ? 'mute' : ''}>
                {hhmm(Date.parse(entry.at))} {sayEntry(entry)} <span class="mute">{entry.by}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}

function EvidenceList() {
  const words = w.value
  const said = detail.value?.evidence ?? []
  if (said.length === 0) return <p class="mute">{words.noEvidence}</p>
  return (
    <>
      <h3>{words.evidenceHead}</h3>
      <table class="ev">
        <tbody>
          {said.map((each) => (
            <tr key={`${each.gateway} ${each.kind} ${each.point} ${each.seq} ${each.at}`}>
              <td>{hhmmss(Date.parse(each.at))}</td>
              <td class="clip">
                <b>{deviceName(each.point)}</b> {each.value}
                {each.reason !== null && ` (${each.reason})`}
                {each.quality !== 'good' && ` ${each.quality}`}
              </td>
              <td class="mute nw">
                {each.gateway} {each.seq}
                {lateness(each)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

const lateness = (each: Evidence): string => {
  const lateMs = Date.parse(each.receivedAt) - Date.parse(each.at)
  return lateMs > LATE_MS ? ` · +${hoursMinutes(lateMs)}` : ''
}

function Notices() {
  const words = w.value
  const told = detail.value?.notices ?? []
  if (told.length === 0) return <p class="mute">{words.nobody}</p>
  return (
    <>
      <h3>{words.noticesHead}</h3>
      <table>
        <tbody>
          {told.map((each) => (
            <tr key={each.seq}>
              <td>{hhmmss(Date.parse(each.at))}</td>
              <td>{each.data.text?.[language.value] ?? words.notice[each.kind] ?? each.kind}</td>
              <td class="mute nw">{each.audience}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function Corrections() {
  const words = w.value
  const made = detail.value?.corrections ?? []
  if (made.length === 0) return null
  return (
    <>
      <h3>{words.corrections}</h3>
      {made.map((each) => (
        <div key={each.knownAt} class="correction">
          <p>{words.corrected(when(Date.parse(each.knownAt), now.value))}</p>
          <table>
            <thead>
              <tr>
                <th />
                <th scope="col">{words.before}</th>
                <th scope="col">{words.after}</th>
              </tr>
            </thead>
            <tbody>
              {differing(each.before, each.after).map(([name, before, after]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{before}</td>
                  <td>
                    <b>{after}</b>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ))}
    </>
  )
}

/** The plain values that changed; sets of members are the ledger's business, not a reader's. */
function differing(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): [string, string, string][] {
  const say = (value: unknown): string => {
    if (value === null || value === undefined) return w.value.none
    if (typeof value === 'string') {
      return /^\d{4}-\d\d-\d\dT/.test(value) ? hhmmss(Date.parse(value)) : value
    }
    return typeof value === 'number' || typeof value === 'boolean' ? `${value}` : ''
  }
  return Object.keys({ ...before, ...after })
    .map((name): [string, string, string] => [name, say(before[name]), say(after[name])])
    .filter(([name, was, is]) => was !== is && name !== 'revision')
}
