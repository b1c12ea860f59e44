import type { GroupCode, OutageChange, OutageFacts, RestorationStep } from '../ledger/facts.ts'
import { MS_PER_MIN, toIso } from '../time.ts'
import { staffData } from './data.ts'
import type { Draft, NoticeKind } from './notice.ts'
import type { DeskChange, Moment, OutageStanding, Telling } from './standing.ts'
import type { Told } from './told.ts'
import type { Sentence, Value } from './words.ts'

/** The dispatcher is alarmed this long before an estimate passes. */
export const EXPIRY_ALARM_MIN = 10

/** The control room hears of every change at once, one row for each thing that happened. */
export function tellStaff(
  standing: OutageStanding,
  change: OutageChange | null,
  desk: readonly DeskChange[],
  moment: Moment,
): Telling<Pick<Told, 'expiringAt' | 'passedAt'>> {
  const { facts } = standing
  const drafts: Draft[] = []
  let feeders: readonly string[] | undefined
  const write = (
    kind: NoticeKind,
    sentences: readonly Sentence[],
    more: Readonly<Record<string, unknown>> = {},
  ) =>
    drafts.push({
      at: moment.at,
      audience: 'staff',
      kind,
      outage: facts.id,
      feeders: (feeders ??= feedersOf(facts, change?.before ?? null)),
      members: null,
      data: staffData(kind, standing, sentences, moment, more),
    })

  const isRuled = desk.some(({ desk }) => RULED.has(desk))
  if (change !== null && !isRuled) writeFacts(change, write)
  for (const one of desk) {
    // A new outage says its first estimate itself.
    if (one.desk === 'etr' && change !== null && change.before === null) continue
    // One decision about a thousand outages is one row, which the storm writes itself.
    if (one.desk === 'etr' && one.zone === true) continue
    writeDesk(one, facts, write)
  }
  return { drafts, ...expiry(standing, write, moment) }
}

const RULED: ReadonlySet<DeskChange['desk']> = new Set(['took', 'joined', 'gave', 'parted'])

type Write = (
  kind: NoticeKind,
  sentences: readonly Sentence[],
  more?: Readonly<Record<string, unknown>>,
) => void

function writeFacts({ before, after, corrected }: OutageChange, write: Write): void {
  const device = deviceOf(after)
  const since = { second: after.startedAt }
  if (after.sets.length === 0) {
    write('outageCorrected', [{ say: 'staff.withdrawn', with: { device, since } }], {
      withdrawn: true,
    })
    return
  }
  if (before === null) {
    const lost: Sentence[] = [
      { say: 'staff.lost', with: { device, since, count: after.customersInterrupted } },
    ]
    if (after.startUncertain) lost.push({ say: 'staff.uncertain' })
    if (after.lockedOut) lost.push({ say: 'staff.lockedOut' })
    write('supplyLost', lost, { customersLost: after.customersInterrupted })
    for (const step of after.steps) writeStep(step, after, write)
    return
  }
  if (corrected) {
    write('outageCorrected', [{ say: 'staff.corrected', with: { device, since } }], {
      before: {
        startedAt: toIso(before.startedAt),
        restoredAt: before.restoredAt === null ? null : toIso(before.restoredAt),
        customersInterrupted: before.customersInterrupted,
      },
    })
    const isBackNow = before.restoredAt === null && after.restoredAt !== null
    const last = after.steps.at(-1)
    if (isBackNow && last !== undefined) writeStep(last, after, write)
    return
  }
  const more = newlyLost(before, after)
  if (more.customers > 0) {
    write(
      'supplyLost',
      [
        {
          say: 'staff.lostMore',
          with: { device, count: more.customers, since: { second: more.since } },
        },
        ...(after.lockedOut ? [{ say: 'staff.lockedOut' as const }] : []),
      ],
      { customersLost: more.customers },
    )
  }
  const known = new Set(before.steps.map(stepKey))
  for (const step of after.steps) if (!known.has(stepKey(step))) writeStep(step, after, write)
  const lockedNow = !before.lockedOut && after.lockedOut
  if (lockedNow && more.customers === 0 && after.customersOut > 0)
    write('supplyLost', [
      { say: 'staff.lost', with: { device, since, count: after.customersOut } },
      { say: 'staff.lockedOut' },
    ])
}

function writeStep(step: RestorationStep, after: OutageFacts, write: Write): void {
  const device = step.device ?? deviceOf(after)
  const back = { second: step.at }
  const count = step.customersRestored
  const isLast = after.restoredAt !== null && step === after.steps.at(-1)
  write(
    isLast ? 'supplyRestored' : 'partlyRestored',
    [
      isLast
        ? { say: 'staff.back', with: { device, count: after.customersInterrupted, back } }
        : { say: 'staff.partly', with: { device, count, back, out: after.customersOut } },
    ],
    { step: { at: toIso(step.at), device: step.device, customersRestored: count } },
  )
}

function writeDesk(change: DeskChange, facts: OutageFacts, write: Write): void {
  const device = deviceOf(facts)
  switch (change.desk) {
    case 'etr':
      write('etrChanged', [
        change.etr === null
          ? { say: 'staff.etrNone', with: { device } }
          : { say: 'staff.etr', with: { device, at: { minute: change.etr.at } } },
      ])
      break
    case 'crew':
      write('crewChanged', [
        change.crew === null
          ? { say: 'staff.crewNone', with: { device } }
          : {
              say: 'staff.crew',
              with: { device, crew: `${change.crew.name}, ${change.crew.state}` },
            },
      ])
      break
    case 'cause':
      write('causeChanged', [{ say: 'staff.cause', with: { device, cause: change.cause ?? '?' } }])
      break
    case 'closed':
      write('outageClosed', [
        { say: 'staff.closed', with: { device, since: { second: facts.startedAt } } },
      ])
      break
    case 'took':
    case 'joined':
    case 'gave':
    case 'parted':
      write(
        'outageCorrected',
        [
          {
            say: `staff.${change.desk}`,
            with: {
              device,
              other: deviceOf(change.other),
              since: { second: change.other.startedAt },
            },
          },
        ],
        {
          ruled: { [change.desk]: change.other.id },
          ...(change.desk === 'joined' ? { withdrawn: true } : {}),
        },
      )
      break
  }
}

/** Alarms before an estimate passes and when it has, once for each estimate. */
function expiry(
  { facts, etr, told }: OutageStanding,
  write: Write,
  { at }: Moment,
): Pick<Telling<Pick<Told, 'expiringAt' | 'passedAt'>>, 'told' | 'due'> {
  let { expiringAt, passedAt } = told
  // The estimate of a whole area is alarmed once, by the storm.
  if (etr === null || facts.customersOut === 0 || etr.source === 'zone')
    return { told: { expiringAt, passedAt }, due: Infinity }
  const alarmAt = etr.at - EXPIRY_ALARM_MIN * MS_PER_MIN
  const words = {
    device: deviceOf(facts),
    at: { minute: etr.at },
    out: facts.customersOut,
  }
  if (at >= etr.at && passedAt !== etr.at) {
    write('etrExpiring', [{ say: 'staff.etrPassed', with: words }], { passed: true })
    passedAt = etr.at
    expiringAt = etr.at
  } else if (at >= alarmAt && expiringAt !== etr.at) {
    // An estimate given for the next few minutes needs no alarm that it passes soon: whoever gave it knows.
    if (etr.issuedAt < alarmAt)
      write('etrExpiring', [{ say: 'staff.etrExpiring', with: words }], { passed: false })
    expiringAt = etr.at
  }
  const due = passedAt === etr.at ? Infinity : expiringAt === etr.at ? etr.at : alarmAt
  return { told: { expiringAt, passedAt }, due }
}

const deviceOf = (facts: Pick<OutageFacts, 'device'>): Value =>
  facts.device ?? { say: 'staff.deviceUnknown' }

const stepKey = (step: RestorationStep): string => `${step.at} ${step.device ?? ''}`

/** Customers in intervals that are new and not over: further losses of the same event. */
function newlyLost(before: OutageFacts, after: OutageFacts): { customers: number; since: number } {
  const wasOut = new Set<GroupCode>()
  for (const set of before.sets) {
    if (set.until === null) for (const group of set.members) wasOut.add(group)
  }
  let customers = 0
  let since = 0
  for (const set of after.sets) {
    if (set.until !== null || set.members.every((group) => wasOut.has(group))) continue
    customers += set.customers
    since = Math.max(since, set.from)
  }
  return { customers, since }
}

function feedersOf(after: OutageFacts, before: OutageFacts | null): string[] {
  const feeders: string[] = []
  for (const facts of [after, before]) {
    for (const { feeder } of facts?.sets ?? []) {
      if (feeder !== null && !feeders.includes(feeder)) feeders.push(feeder)
    }
  }
  return feeders.sort()
}
