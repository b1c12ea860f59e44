import { signal, type Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { count, hhmm, hhmmss, spell, when } from '../language.ts'
import { Mark, type MarkName } from '../marks.tsx'
import { now } from '../page-clock.ts'
import { acknowledge, alarmProblem, saidOf, seenAt, shelvedUntil, unshelve } from './alarm-words.ts'
import { alarms, shelved, unacknowledged, untakenMs, type Alarm } from './alarms.ts'
import { list, outageNamed, past, search, type Lists } from './board.ts'
import { openAct, pickDevice, select } from './desk.ts'
import { showTrace } from './device-card.tsx'
import { deviceName, switchNamed } from './network.ts'
import { w } from './words.ts'

/** The most that stand above the agenda; what is acknowledged beyond them is counted in words. */
const ROWS_MAX = 3
const MARKS: Record<Alarm['priority'], MarkName> = { 1: 'p1', 2: 'p2', 3: 'p3' }
const COLOURS: Record<Alarm['priority'], string> = { 1: 'c-out', 2: 'c-ovl', 3: 'c-stale' }

const all = signal(false)
const shelvedShown = signal(false)

export function AlarmList() {
  const words = w.value
  const shown = all.value ? alarms.value : alarms.value.slice(0, ROWS_MAX)
  const aside = past.value === null ? shelved.value : []
  if (shown.length + aside.length === 0) return null
  const rest = alarms.value.length - shown.length
  return (
    <section class="alarms" id="alarms" tabIndex={-1} aria-label={words.alarms}>
      {alarmProblem.value !== null && (
        <p class="failed" role="alert">
          {words.notKept(alarmProblem.value)}
        </p>
      )}
      <ul>
        {shown.map((alarm) => (
          <AlarmRow key={alarm.key} alarm={alarm} />
        ))}
        {shelvedShown.value && aside.map((alarm) => <ShelvedRow key={alarm.key} alarm={alarm} />)}
      </ul>
      {(alarms.value.length > ROWS_MAX || aside.length > 0) && (
        <p>
          {alarms.value.length > ROWS_MAX && (
            <Fold open={all}>{all.value ? words.fewerAlarms : words.moreAlarms(rest)}</Fold>
          )}
          {aside.length > 0 && <Fold open={shelvedShown}>{words.shelved(aside.length)}</Fold>}
        </p>
      )}
    </section>
  )
}

const Fold = ({ open, children }: { open: Signal<boolean>; children: ComponentChildren }) => (
  <button
    type="button"
    class="plain mute"
    aria-expanded={open.value}
    onClick={() => (open.value = !open.value)}
  >
    {children}
  </button>
)

function AlarmRow({ alarm }: { alarm: Alarm }) {
  const words = w.value
  const seen = seenAt(alarm.key)
  const remedy = remedyOf(alarm)
  return (
    <li class={seen === undefined ? 'unacked' : ''}>
      <Subject alarm={alarm} untakenMs={untakenMs(alarm)} />
      <span class="mute s-hide nw">
        {words.since} {hhmmss(alarm.sinceAt)}
      </span>
      {remedy === null ? (
        <span />
      ) : (
        <button type="button" onClick={remedy.does}>
          {remedy.word}
        </button>
      )}
      {seen === undefined ? (
        <button type="button" onClick={() => void acknowledge(alarm.key)}>
          {unacknowledged.value[0]?.key === alarm.key && <kbd>Space</kbd>} {words.ack}
        </button>
      ) : (
        <span class="mute nw clip" title={saidOf(alarm.key)?.by}>
          {words.acked} {hhmm(seen)} {saidOf(alarm.key)?.by}
        </span>
      )}
      <button type="button" class="plain" onClick={() => openShelve(alarm)}>
        {words.shelve.short}
      </button>
    </li>
  )
}

function ShelvedRow({ alarm }: { alarm: Alarm }) {
  const words = w.value
  const { by = '', reason = '' } = saidOf(alarm.key) ?? {}
  return (
    <li class="aside">
      <Subject alarm={alarm} untakenMs={undefined} />
      <span class="wide-words clip" title={`${reason} · ${by}`}>
        {words.shelvedUntil(hhmm(shelvedUntil(alarm.key)), by)} · {reason}
      </span>
      <button type="button" class="plain" onClick={() => void unshelve(alarm.key)}>
        {words.unshelve}
      </button>
    </li>
  )
}

/** What it is about and what it says, in the first columns of a row. */
function Subject(parts: { alarm: Alarm; untakenMs: number | undefined }) {
  const { alarm } = parts
  const { name, feeder, show } = subjectOf(alarm)
  const says = sayAlarm(alarm)
  const untaken = parts.untakenMs === undefined ? '' : w.value.untaken(spell(parts.untakenMs))
  return (
    <>
      <span class={COLOURS[alarm.priority]}>
        <Mark of={MARKS[alarm.priority]} />
        <span class="vh">{alarm.priority}</span>
      </span>
      {show === null ? (
        <span class="clip">{name}</span>
      ) : (
        <button type="button" class="plain about" onClick={show}>
          <span class="clip">{name}</span>
        </button>
      )}
      <span class="s-hide clip">{feeder}</span>
      <span class="what" title={`${says} ${untaken}`}>
        {says}
        {untaken !== '' && <span class="untaken"> · {untaken}</span>}
      </span>
    </>
  )
}

export function acknowledgeFirst(): void {
  const [first] = unacknowledged.value
  if (first !== undefined) void acknowledge(first.key)
}

export function shelveFirst(): void {
  const first = unacknowledged.value[0] ?? alarms.value[0]
  if (first !== undefined) openShelve(first)
}

function openShelve(alarm: Alarm): void {
  const { name } = subjectOf(alarm)
  openAct({ kind: 'shelve', alarm: alarm.key, about: `${name}: ${sayAlarm(alarm)}` })
}

const LIST_OF: Record<(Alarm['about'] & { rule: 'many' })['of'], Lists> = {
  lifeSupport: 'priority',
  estimatePassed: 'passed',
  unattended: 'noCrew',
}
const showList = (name: Lists) => () => {
  search.value = ''
  list.value = name
}

/** What an alarm is about, and how to get there; null where there is nothing to go to. */
function subjectOf({ about }: Alarm): { name: string; feeder: string; show: (() => void) | null } {
  switch (about.rule) {
    case 'lifeSupport':
    case 'estimatePassed':
    case 'unattended': {
      const outage = outageNamed(about.outage)
      return {
        name: deviceName(outage?.device ?? null) ?? w.value.networkChange,
        feeder: outage?.feeder ?? '',
        show: () => select(about.outage),
      }
    }
    case 'many':
      return {
        name: w.value.lists[LIST_OF[about.of]],
        feeder: '',
        show: showList(LIST_OF[about.of]),
      }
    case 'hazard': {
      const { outage, servicePoint } = about.call
      const feeder = outageNamed(outage)?.feeder ?? ''
      return { name: servicePoint, feeder, show: outage === null ? null : () => select(outage) }
    }
    case 'load': {
      const index = switchNamed(about.load.point)
      const show = index === undefined ? null : () => pickDevice(index)
      return { name: about.load.name, feeder: about.load.feeder ?? '', show }
    }
    case 'parallel': {
      const index = switchNamed(about.parallel.tie)
      const show = index === undefined ? null : () => pickDevice(index)
      return { name: about.parallel.tie, feeder: about.parallel.feeders.join(' + '), show }
    }
    case 'unapproved':
      return { name: about.planned.work, feeder: '', show: null }
    case 'silentGateway':
      return { name: about.gateway, feeder: '', show: null }
  }
}

/** Every alarm asks for an act; a silent gateway is somebody else's to repair. */
function remedyOf({ about }: Alarm): { word: string; does: () => void } | null {
  const words = w.value
  const act = (kind: 'etr' | 'crew', outage: string) => ({
    word: words[kind],
    does: () => {
      select(outage)
      openAct({ kind, outage })
    },
  })
  switch (about.rule) {
    case 'estimatePassed':
      return act('etr', about.outage)
    case 'lifeSupport':
    case 'unattended':
      return act('crew', about.outage)
    case 'many':
      return { word: words.show, does: showList(LIST_OF[about.of]) }
    case 'hazard':
      return about.call.outage === null ? null : act('crew', about.call.outage)
    case 'load': {
      const { ties } = words
      const index = switchNamed(about.load.point)
      if (index === undefined) return null
      const does = () => {
        pickDevice(index)
        void showTrace('ties')
      }
      return { word: ties, does }
    }
    case 'parallel':
    case 'unapproved':
    case 'silentGateway':
      return null
  }
}

const shortly = (text: string): string => when(Date.parse(text), now.value)

function sayAlarm({ about, sinceAt }: Alarm): string {
  const say = w.value.alarm
  switch (about.rule) {
    case 'lifeSupport':
      return say.lifeSupport(about.count)
    case 'estimatePassed':
      return say.estimatePassed(
        hhmm(about.etrAt),
        spell(now.value - about.etrAt),
        count(about.count),
      )
    case 'unattended':
      return say.unattended(count(about.count), spell(now.value - sinceAt))
    case 'many':
      return say.many[about.of](count(about.outages), count(about.count))
    case 'hazard':
      return say.hazard(about.call.words ?? '')
    case 'load':
      return say.load(
        say.loadKind[about.load.kind] ?? about.load.kind,
        count(Math.round(about.load.peakRate * 100)),
        spell(now.value - sinceAt),
      )
    case 'parallel':
      return say.parallel(spell(now.value - sinceAt))
    case 'unapproved':
      return say.unapproved(about.planned.title, shortly(about.planned.toldFrom))
    case 'silentGateway':
      return say.silentGateway(about.switches)
  }
}
