import { count, hhmm, hhmmss, spell } from '../language.ts'
import { Mark, type MarkName } from '../marks.tsx'
import { now } from '../page-clock.ts'
import { acknowledge, acknowledged, alarms, unacknowledged, type Alarm } from './alarms.ts'
import { outageNamed } from './board.ts'
import { openAct, select } from './desk.ts'
import { deviceName } from './network.ts'
import { w } from './words.ts'

/** The most that stand above the agenda; what is acknowledged beyond them is counted in words. */
const ROWS_MAX = 3
const MARKS: Record<Alarm['priority'], MarkName> = { 1: 'p1', 2: 'p2', 3: 'p3' }
const COLOURS: Record<Alarm['priority'], string> = { 1: 'c-out', 2: 'c-ovl', 3: 'c-stale' }

export function AlarmList() {
  const words = w.value
  const shown = alarms.value.slice(0, ROWS_MAX)
  if (shown.length === 0) return null
  const rest = alarms.value.length - shown.length
  return (
    <section class="alarms" aria-label={words.alarms}>
      <ul>
        {shown.map((alarm) => (
          <AlarmRow key={alarm.key} alarm={alarm} />
        ))}
      </ul>
      {rest > 0 && <p class="mute">{words.moreAlarms(rest)}</p>}
    </section>
  )
}

function AlarmRow({ alarm }: { alarm: Alarm }) {
  const words = w.value
  const ackedAt = acknowledged.value.get(alarm.key)
  const outage = 'outage' in alarm.about ? alarm.about.outage : null
  const remedy = remedyOf(alarm)
  return (
    <li class={ackedAt === undefined ? 'unacked' : ''}>
      <span class={COLOURS[alarm.priority]}>
        <Mark of={MARKS[alarm.priority]} />
        <span class="vh">{alarm.priority}</span>
      </span>
      {outage === null ? (
        <span class="clip">{'gateway' in alarm.about ? alarm.about.gateway : ''}</span>
      ) : (
        <button type="button" class="plain about" onClick={() => select(outage)}>
          <span class="clip">{deviceName(outageNamed(outage)?.device ?? null) ?? outage}</span>
        </button>
      )}
      <span class="s-hide clip">{outageNamed(outage)?.feeder ?? ''}</span>
      <span class="what">{sayAlarm(alarm)}</span>
      <span class="mute s-hide nw">
        {words.since} {hhmmss(alarm.sinceAt)}
      </span>
      {remedy === null || outage === null ? (
        <span />
      ) : (
        <button
          type="button"
          onClick={() => {
            select(outage)
            openAct({ kind: remedy, outage })
          }}
        >
          {words[remedy]}
        </button>
      )}
      {ackedAt === undefined ? (
        <button type="button" onClick={() => acknowledge(alarm.key)}>
          {unacknowledged.value[0]?.key === alarm.key && <kbd>Space</kbd>} {words.ack}
        </button>
      ) : (
        <span class="mute nw">
          {words.acked} {hhmm(ackedAt)}
        </span>
      )}
    </li>
  )
}

/** Every alarm asks for an act; a silent gateway is somebody else's to repair. */
function remedyOf({ about }: Alarm): 'etr' | 'crew' | null {
  switch (about.rule) {
    case 'estimatePassed':
      return 'etr'
    case 'lifeSupport':
    case 'unattended':
      return 'crew'
    case 'silentGateway':
      return null
  }
}

function sayAlarm({ about, sinceAt }: Alarm): string {
  const say = w.value.alarm
  switch (about.rule) {
    case 'lifeSupport':
      return say.lifeSupport(about.count)
    case 'estimatePassed':
      return say.estimatePassed(
        hhmm(about.etrAt),
        spell(now.value - about.etrAt),
        count(about.customers),
      )
    case 'unattended':
      return say.unattended(count(about.customers), spell(now.value - sinceAt))
    case 'silentGateway':
      return say.silentGateway(about.switches)
  }
}
