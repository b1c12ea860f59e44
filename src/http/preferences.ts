import { Type, type Static } from 'typebox'
import { readSubscription } from '../delivery/push.ts'
import { calendarOf } from '../notices/calendar.ts'
import { NOTICE_KINDS } from '../notices/notice.ts'
import { LANGUAGES, type Language } from '../notices/words.ts'
import { writeAudit } from '../stores/accounts.ts'
import type { Identity } from '../stores/identity.ts'
import { listDeliveries } from '../stores/outbox.ts'
import { readPlannedEvents } from '../stores/planned-read.ts'
import {
  calendarKey,
  pointOfCalendar,
  readPreferences,
  savePreferences,
  type Preferences,
} from '../stores/recipients.ts'
import { identified } from './identity.ts'
import { CalendarsAnswer, MyDeliveriesAnswer, PreferencesAnswer } from './me-schemas.ts'
import { Id, Limit, PAGE_SIZE } from './params.ts'
import { CalendarAnswer } from './public-schemas.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound, Problem } from './problem.ts'

export const CHANNELS_MAX = 10
/** A push subscription is the longest. */
const ADDRESS_CHARS_MAX = 1_500

const tags = ['customer']
const ClockTime = Type.String({
  pattern: '^([01]\\d|2[0-3]):[0-5]\\d$',
  description: 'local, 22:00',
})

const ChannelBody = Type.Object({
  channel: Type.Enum(['email', 'sms', 'push']),
  address: Type.String({ minLength: 3, maxLength: ADDRESS_CHARS_MAX }),
  servicePoints: Type.Optional(Type.Array(Id, { maxItems: 100, description: 'default: all mine' })),
  kinds: Type.Optional(Type.Union([Type.Array(Type.Enum(NOTICE_KINDS)), Type.Null()])),
  quietHours: Type.Optional(
    Type.Union([Type.Object({ from: ClockTime, until: ClockTime }), Type.Null()]),
  ),
})

/** How customers want to be told, what was sent to them, and the calendars of planned work. */
export async function preferenceRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const groupOf = (point: string) => parts.network.current()?.groupOf(point) ?? null

  app.get(
    '/api/v1/me/preferences',
    { schema: { tags, summary: 'How I want to be told', response: { 200: PreferencesAnswer } } },
    async (request) => view(await readPreferences(db, identified(request).subject)),
  )

  app.put(
    '/api/v1/me/preferences',
    {
      schema: {
        tags,
        summary: 'How I want to be told: in place of whatever was',
        body: Type.Object({
          language: Type.Optional(Type.Enum(LANGUAGES)),
          channels: Type.Optional(Type.Array(ChannelBody, { maxItems: CHANNELS_MAX })),
        }),
        response: { 200: PreferencesAnswer },
      },
    },
    async (request) => {
      const identity = identified(request)
      const { subject } = identity
      const { language, channels } = request.body
      const now = clock()
      const saved = await db.transaction().execute(async (tx) => {
        const before = await readPreferences(tx, subject)
        const wanted: Preferences = {
          language: language ?? before.language,
          channels:
            channels === undefined
              ? before.channels
              : channels.map((one, i) => channelOf(one, i, identity)),
        }
        await savePreferences(tx, subject, wanted, groupOf, now)
        // Who changed it and when; addresses are nobody's business in an audit.
        await writeAudit(tx, {
          at: now,
          subject,
          role: identity.role,
          act: 'preferences',
          target: subject,
          before: { language: before.language, channels: before.channels.length },
          after: { language: wanted.language, channels: wanted.channels.length },
        })
        return wanted
      })
      return view(saved)
    },
  )

  app.get(
    '/api/v1/me/deliveries',
    {
      schema: {
        tags,
        summary: 'What was sent to me, and what became of it',
        querystring: Type.Object({ limit: Type.Optional(Limit) }),
        response: { 200: MyDeliveriesAnswer },
      },
    },
    async (request) => ({
      deliveries: await listDeliveries(db, {
        subject: identified(request).subject,
        limit: request.query.limit ?? PAGE_SIZE,
      }),
    }),
  )

  app.get(
    '/api/v1/me/calendar',
    {
      schema: {
        tags,
        summary: 'Addresses of calendars with the planned work at my service points',
        querystring: Type.Object({ language: Type.Optional(Type.Enum(LANGUAGES)) }),
        response: { 200: CalendarsAnswer },
      },
    },
    async (request) => {
      const { subject, servicePoints } = identified(request)
      const suffix =
        request.query.language === undefined ? '' : `?language=${request.query.language}`
      const calendars = []
      for (const servicePoint of servicePoints) {
        const key = await calendarKey(db, subject, servicePoint, clock())
        calendars.push({ servicePoint, path: `/public/calendar/${key}${suffix}` })
      }
      return { calendars }
    },
  )

  app.get(
    '/public/calendar/:key',
    {
      schema: {
        tags: ['public'],
        summary: 'Planned work at one service point as iCalendar; the key is the secret',
        params: Type.Object({ key: Type.String({ pattern: '^[\\w-]{32}$' }) }),
        querystring: Type.Object({ language: Type.Optional(Type.Enum(LANGUAGES)) }),
        response: { 200: CalendarAnswer },
      },
    },
    async ({ params, query }, reply) => {
      const servicePoint = await pointOfCalendar(db, params.key)
      if (servicePoint === undefined)
        throw notFound('no-such-calendar', 'there is no such calendar')
      const language: Language = query.language ?? 'en'
      const group = groupOf(servicePoint)
      const events = group === null ? [] : await readPlannedEvents(db, group, language, clock())
      return reply
        .type('text/calendar; charset=utf-8')
        .header('cache-control', 'private, max-age=300')
        .send(calendarOf(servicePoint, events))
    },
  )
}

function channelOf(
  body: Static<typeof ChannelBody>,
  index: number,
  identity: Identity,
): Preferences['channels'][number] {
  const at = `/channels/${index}`
  const { says, fits } = ADDRESSES[body.channel]
  if (!fits(body.address)) throw badField({ in: 'body', at: `${at}/address`, says })
  const servicePoints = body.servicePoints ?? identity.servicePoints
  const foreign = servicePoints.find((point) => !identity.servicePoints.includes(point))
  if (foreign !== undefined)
    throw new Problem(403, 'not-yours', `the service point ${foreign} is not one of yours`)
  return {
    channel: body.channel,
    address: body.channel === 'sms' ? body.address.replace(/[ ()-]/g, '') : body.address,
    servicePoints,
    kinds: body.kinds ?? null,
    quiet:
      body.quietHours === undefined || body.quietHours === null
        ? null
        : { fromMin: minuteOf(body.quietHours.from), untilMin: minuteOf(body.quietHours.until) },
  }
}

const ADDRESSES = {
  email: {
    says: 'is not an e-mail address',
    fits: (text: string) =>
      text.length <= 320 && /^[^\s@<>,;:"]+@[^\s@<>,;:"]+\.[^\s@<>,;:".]+$/.test(text),
  },
  sms: {
    says: 'is not a telephone number',
    fits: (text: string) => /^\+?[\d ()-]{5,24}$/.test(text),
  },
  push: {
    says: 'is not a push subscription as JSON',
    fits: (text: string) => readSubscription(text) !== null,
  },
}

const minuteOf = (clockTime: string): number => {
  const [hour, minute] = clockTime.split(':').map(Number)
  return (hour ?? 0) * 60 + (minute ?? 0)
}

const clockTimeOf = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

const view = (preferences: Preferences) => ({
  language: preferences.language,
  channels: preferences.channels.map(({ quiet, ...one }) => ({
    ...one,
    quietHours:
      quiet === null
        ? null
        : { from: clockTimeOf(quiet.fromMin), until: clockTimeOf(quiet.untilMin) },
  })),
})
