import { Type } from 'typebox'
import { shownEtr } from '../notices/told.ts'
import { textOf, type Reading } from '../notices/words.ts'
import { revokeToken, writeAudit } from '../stores/accounts.ts'
import {
  readOpenInterruptions,
  readOutages,
  readPastInterruptions,
  type OutageView,
} from '../stores/outages-read.ts'
import { readStorms } from '../stores/storms.ts'
import { plannedAt } from '../stores/works.ts'
import { MS_PER_DAY, MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import { MeAnswer, RevokedAnswer } from './me-schemas.ts'
import { feederOfNode } from './network.ts'
import type { NetworkView } from './network-in-force.ts'
import { InstantText, instantOf } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import type { ProbableView } from './probable.ts'
import { Problem } from './problem.ts'
import { stormBanner } from './storm-banner.ts'

/** How far back a customer sees what happened to their own supply. */
export const HISTORY_MONTHS = 24
/** A token of ours rarely lives longer; a revocation without an end is kept this long. */
const REVOKED_FOR_DAYS = 400

export async function customerRoutes(
  app: App,
  parts: HttpParts,
  probable: () => Promise<ProbableView>,
): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/me',
    {
      schema: {
        tags: ['customer'],
        summary:
          'My service points: supply now, outage, estimate, planned work, the last 24 months',
        response: { 200: MeAnswer },
      },
    },
    async ({ identity }) => {
      if (identity === null) throw new Problem(401, 'no-token', 'a token is needed')
      const now = clock()
      const view = parts.network.current()
      const points = identity.servicePoints.map((id) => ({ id, group: view?.groupOf(id) ?? null }))
      const groups = [...new Set(points.flatMap(({ group }) => (group === null ? [] : [group])))]
      const areas = new Set(identity.servicePoints.map((id) => areaOf(view, id)))
      const [guessed, storms, open, past, works] = await Promise.all([
        probable(),
        readStorms(db),
        readOpenInterruptions(db, groups),
        readPastInterruptions(db, groups, monthsBefore(now, HISTORY_MONTHS)),
        plannedAt(db, groups, now),
      ])
      const outages = await readOutages(db, [...new Set(open.map(({ outage }) => outage))], now)
      return {
        subject: identity.subject,
        at: toIso(now),
        /** Storm mode where I am: the words for it stand above everything else. */
        storms: storms
          .filter(({ area }) => area === null || areas.has(area))
          .map((storm) => stormBanner(storm, now, timeZone)),
        servicePoints: points.map(({ id, group }) => {
          // A network that does not know the point cannot say whether it has supply: silence is not "on".
          if (group === null) return { id, supply: 'unknown', ...NOTHING_KNOWN }
          const off = open.find(({ members }) => members.includes(group))
          const mine = past.filter(({ members }) => members.includes(group))
          const outage = off === undefined ? undefined : outages.get(off.outage)
          const since = off?.from ?? mine.reduce((last, one) => Math.max(last, one.until), 0)
          return {
            id,
            supply: off === undefined ? 'on' : 'off',
            /** Meters and neighbours say so, and no switch: null where nothing does. */
            probablyOff:
              off === undefined ? probablyOffAt(guessed, id, { at: now, timeZone }) : null,
            /** Since when; null where it has been on for as long as we look back. */
            since: since === 0 ? null : toIso(since),
            outage: outage === undefined ? null : forCustomer(outage),
            ...etrFor(outage, now),
            /** What was announced for this point and is not over. */
            plannedWork: works
              .filter(({ members }) => members.includes(group))
              .map(({ work, from, until, reason, state }) => ({
                id: work,
                from: toIso(from),
                until: toIso(until),
                reason,
                state,
              })),
            history: {
              months: HISTORY_MONTHS,
              interruptions: mine.map(({ outage, from, until, nature, cause }) => ({
                outage,
                from: toIso(from),
                until: toIso(until),
                minutes: (until - from) / MS_PER_MIN,
                kind: nature,
                cause,
              })),
            },
          }
        }),
      }
    },
  )

  app.post(
    '/api/v1/tokens/:jti/revoke',
    {
      schema: {
        tags: ['administrator'],
        summary: 'Refuses a token from now on',
        params: Type.Object({ jti: Type.String({ minLength: 1, maxLength: 128 }) }),
        body: Type.Object({ expiresAt: Type.Optional(InstantText) }),
        response: { 200: RevokedAnswer },
      },
    },
    async ({ params, body, identity }) => {
      if (identity === null) throw new Problem(401, 'no-token', 'a token is needed')
      const at = clock()
      const expiresAt =
        body.expiresAt === undefined
          ? at + REVOKED_FOR_DAYS * MS_PER_DAY
          : instantOf('/expiresAt', body.expiresAt)
      await db.transaction().execute(async (tx) => {
        await revokeToken(tx, { jti: params.jti, expiresAt, bySubject: identity.subject, at })
        await writeAudit(tx, {
          at,
          subject: identity.subject,
          role: identity.role,
          act: 'revokeToken',
          target: params.jti,
          before: null,
          after: { expiresAt: toIso(expiresAt) },
        })
      })
      parts.auth.forget(params.jti)
      return { jti: params.jti, revokedUntil: toIso(expiresAt) }
    },
  )
}

/** The area of the feeder that a point normally hangs on; null where that is not known. */
function areaOf(view: NetworkView | null, point: string): string | null {
  const index = view?.servicePointIndex.get(point)
  const node = index === undefined ? undefined : view?.tables.servicePoints[index]?.node
  const nodeIndex = node === undefined ? undefined : view?.nodeIndex.get(node)
  if (view === null || nodeIndex === undefined) return null
  const feeder = feederOfNode(view.network, nodeIndex)
  const substation = view.tables.feeders.find(({ id }) => id === feeder)?.substation
  return view.tables.substations.find(({ id }) => id === substation)?.area ?? null
}

function probablyOffAt({ probable }: ProbableView, point: string, reading: Reading) {
  const mine = probable.find(({ dark }) => dark.includes(point))
  if (mine === undefined) return null
  const say = mine.kind === 'stillDark' ? 'answer.probablyStillOff' : 'answer.probablyOff'
  return {
    since: toIso(mine.since),
    kind: mine.kind,
    text: textOf([{ say, with: { since: { minute: mine.since } } }], reading),
  }
}

const NOTHING_KNOWN = {
  probablyOff: null,
  since: null,
  outage: null,
  etr: null,
  estimate: null,
  plannedWork: [],
  history: { months: HISTORY_MONTHS, interruptions: [] },
}

/** The estimate as far as it lies in the future: one that has passed says nothing but that it is being looked at. */
function etrFor(outage: OutageView | undefined, now: EpochMs) {
  const known = outage?.etr ?? null
  if (outage === undefined) return { etr: null, estimate: null }
  const shown = shownEtr(
    known && {
      at: Date.parse(known.at),
      earliest: msOrNull(known.earliest),
      latest: msOrNull(known.latest),
      source: known.source,
      issuedAt: Date.parse(known.issuedAt),
    },
    now,
  )
  if (shown.etr === 'none') return { etr: null, estimate: 'awaited' }
  if (shown.etr === 'passed') return { etr: null, estimate: 'reassessing' }
  const { at, earliest, latest, source, issuedAt } = shown.value
  return {
    etr: {
      at: toIso(at),
      earliest: earliest === null ? null : toIso(earliest),
      latest: latest === null ? null : toIso(latest),
      source,
      issuedAt: toIso(issuedAt),
    },
    estimate: 'given',
  }
}

const msOrNull = (text: string | null): EpochMs | null => (text === null ? null : Date.parse(text))

/** What a customer is told of an outage: nothing that names devices, feeders or crews. */
function forCustomer(outage: OutageView) {
  const { crew } = outage
  return {
    id: outage.id,
    status: outage.status,
    kind: outage.kind,
    startedAt: outage.startedAt,
    cause: outage.cause,
    customersOut: outage.customersOut,
    customersInterrupted: outage.customersInterrupted,
    crew: crew === null ? null : { state: crew.state, at: crew.at },
  }
}

function monthsBefore(at: EpochMs, months: number): EpochMs {
  const date = new Date(at)
  date.setUTCMonth(date.getUTCMonth() - months)
  return date.getTime()
}
