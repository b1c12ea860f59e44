import { at } from '../grid/network.ts'
import { groupCode, type GroupCode } from '../ledger/facts.ts'
import { probableCauses } from '../notices/common-device.ts'
import type { Draft } from '../notices/notice.ts'
import { composeProbable, composeProbablyOff, type WhyOver } from '../notices/probable-news.ts'
import type { NoticeSettings } from '../notices/standing.ts'
import type { Database, Tx } from '../stores/database.ts'
import { readEvidence } from '../stores/evidence.ts'
import { readToldProbables, saveToldProbables, type ToldPoint } from '../stores/probables.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import type { Memory } from './memory.ts'
import type { NetworkRoom } from './network-room.ts'

/** Points told in one go; the others a minute later. */
export const POINTS_TOLD_MAX = 5_000

/** What meters and customers make probable, and what was told of it that does not stand any more; undefined where there is no news. */
export async function probablesDue(
  db: Database,
  { ledger, room }: Memory,
  now: EpochMs,
  settings: NoticeSettings,
): Promise<
  { readonly drafts: readonly Draft[]; readonly save: (tx: Tx) => Promise<void> } | undefined
> {
  const { network } = room
  const evidence = await readEvidence(
    db,
    {
      network,
      servicePoints: room.servicePoints,
      customersOf: (index) => at(room.servicePointCustomers, index),
      loadPointNumber: (index) => at(room.loadPointNumber, index),
    },
    now,
  )
  const told = await readToldProbables(db)
  const { probable, outages } = probableCauses(evidence, ledger.energization, now)
  const moment = { at: now, settings }

  const isConfirmed = new Set<string>()
  const confirmedAt = new Set<string>()
  for (const { loadPoint, points } of evidence) {
    for (const { id, isKnownOut } of points) {
      if (!isKnownOut) continue
      isConfirmed.add(id)
      confirmedAt.add(loadPoint)
    }
  }

  // ── the control room
  const keys = new Set(outages.map(({ key }) => key))
  const over = told.outages.filter(({ key }) => !keys.has(key))
  const includedNow = new Set(outages.flatMap(({ loadPoints }) => loadPoints))
  const whyOver = (loadPoints: readonly string[]): WhyOver =>
    loadPoints.some((one) => confirmedAt.has(one))
      ? 'confirmed'
      : loadPoints.some((one) => includedNow.has(one))
        ? 'regrouped'
        : 'withdrawn'
  const known = new Set(told.outages.map(({ key }) => key))
  // Where meters come back one after the other a guess falls to pieces: what is left of it is told when it has lasted.
  const leftOver = new Set(over.flatMap(({ device, loadPoints }) => (device ? loadPoints : [])))
  const raised = outages.filter(
    ({ key, device, loadPoints }) =>
      !known.has(key) && (device !== null || !loadPoints.some((one) => leftOver.has(one))),
  )

  // ── the customers
  const dark = new Map<string, ToldPoint>()
  for (const { kind, since, dark: points } of probable) {
    for (const point of points) dark.set(point, { point, kind, since })
  }
  const toldOf = new Map(told.points.map((one) => [one.point, one]))
  const off = told.points.filter(({ point, kind }) => dark.get(point)?.kind !== kind)
  const on = [...dark.values()]
    .filter(({ point, kind }) => toldOf.get(point)?.kind !== kind)
    .slice(0, POINTS_TOLD_MAX)
  if (raised.length + over.length + on.length + off.length === 0) return undefined

  const groups = groupsOf(room, new Set([...on, ...off].map(({ point }) => point)))
  const news = new Map<string, { is: Parameters<typeof composeProbablyOff>[0]['is'] } & Heard>()
  const hear = (is: Parameters<typeof composeProbablyOff>[0]['is'], one: ToldPoint): void => {
    const group = groups.get(one.point)
    if (group === undefined) return
    const key = `${is} ${Math.floor(one.since / MS_PER_MIN)}`
    let heard = news.get(key)
    if (heard === undefined)
      news.set(key, (heard = { is, since: one.since, points: [], members: [] }))
    heard.points.push(one.point)
    heard.members.push(group)
  }
  // Who is told another guess in its place hears that alone.
  const again = new Set(on.map(({ point }) => point))
  for (const one of off) {
    if (!again.has(one.point)) hear(isConfirmed.has(one.point) ? 'confirmed' : 'withdrawn', one)
  }
  for (const one of on) hear(one.kind, one)

  return {
    drafts: [
      ...over.map((outage) =>
        composeProbable({ is: 'cleared', why: whyOver(outage.loadPoints), outage }, moment),
      ),
      ...raised.map((outage) => composeProbable({ is: 'raised', outage }, moment)),
      ...[...news.values()].map((one) => composeProbablyOff(one, moment)),
    ],
    save: (tx) =>
      saveToldProbables(
        tx,
        { raised, over: over.map(({ key }) => key), on, off: off.map(({ point }) => point) },
        now,
      ),
  }
}

type Heard = { readonly since: EpochMs; readonly points: string[]; readonly members: GroupCode[] }

function groupsOf(room: NetworkRoom, points: ReadonlySet<string>): Map<string, GroupCode> {
  const { network, loadPointNumber } = room
  const found = new Map<string, GroupCode>()
  let index = -1
  for (const id of room.servicePoints) {
    index++
    if (!points.has(id)) continue
    const group = at(network.servicePointGroup, index)
    const number = at(loadPointNumber, at(network.groupLoadPoint, group))
    found.set(id, groupCode(number, at(network.groupPhases, group)))
  }
  return found
}
