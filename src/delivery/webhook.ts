import { createHmac } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { MS_PER_S, toIso } from '../time.ts'
import type { Channel, Parcel } from './channel.ts'
import { post } from './http-post.ts'

const SECRET_PREFIX = 'whsec_'

/**
 * A CloudEvent by HTTP POST, signed as Standard Webhooks has it: `webhook-id` stays the same over repetitions, `webhook-timestamp` is
 * this attempt's, `webhook-signature` is over both and the body.
 */
export function openWebhook(clock: Clock): Channel {
  return {
    name: 'webhook',
    async send(parcel) {
      if (parcel.secret === null)
        return { outcome: 'refused', says: 'there is no secret to sign with' }
      const timestamp = String(Math.floor(clock() / MS_PER_S))
      const body = eventOf(parcel, clock())
      return post(
        parcel.address,
        {
          'content-type': 'application/cloudevents+json; charset=utf-8',
          'webhook-id': parcel.id,
          'webhook-timestamp': timestamp,
          'webhook-signature': signature(parcel.secret, parcel.id, timestamp, body),
        },
        body,
      )
    },
    close: () => undefined,
  }
}

/** `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; the secret is base64, with or without `whsec_`. */
export function signature(secret: string, id: string, timestamp: string, body: string): string {
  const key = Buffer.from(
    secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret,
    'base64',
  )
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}

function eventOf(parcel: Parcel, now: number): string {
  return JSON.stringify({
    specversion: '1.0',
    id: parcel.id,
    source: 'relight',
    type: `relight.notice.${parcel.data.kind}`,
    ...(parcel.outage === null ? {} : { subject: parcel.outage }),
    time: toIso(now),
    datacontenttype: 'application/json',
    // The order of an outage's notices, for receivers that take them in parallel.
    sequence: String(parcel.seq),
    data: parcel.data,
  })
}
