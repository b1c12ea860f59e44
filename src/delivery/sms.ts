import type { Channel } from './channel.ts'
import { post } from './http-post.ts'

/**
 * SMS through a gateway: `POST url {"id", "to", "text", "urgent"}` with a bearer token. 2xx: accepted. The gateway may tell repetitions
 * by `id`, which is also the `Idempotency-Key`.
 */
export function openSms(settings: {
  readonly url: string
  readonly token: string | null
}): Channel {
  return {
    name: 'sms',
    async send(parcel) {
      return post(
        settings.url,
        {
          'content-type': 'application/json',
          'idempotency-key': parcel.id,
          ...(settings.token === null ? {} : { authorization: `Bearer ${settings.token}` }),
        },
        JSON.stringify({
          id: parcel.id,
          to: parcel.address,
          text: parcel.message.short,
          urgent: parcel.urgent,
        }),
      )
    },
    close: () => undefined,
  }
}
