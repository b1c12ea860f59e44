import { createECDH, createCipheriv, hkdfSync, randomBytes, type ECDH } from 'node:crypto'
import { importJWK, SignJWT } from 'jose'
import type { Clock } from '../clock.ts'
import { MS_PER_H, MS_PER_S } from '../time.ts'
import type { Channel, Parcel } from './channel.ts'
import { post } from './http-post.ts'

/** A browser's own, as `PushSubscription.toJSON()` gives it; keys are base64url. */
export type Subscription = {
  readonly endpoint: string
  readonly keys: { readonly p256dh: string; readonly auth: string }
}

/** Where browsers have their mail kept. A customer names the address: it must not lead into our own network. */
export const PUSH_HOSTS: readonly string[] = [
  'fcm.googleapis.com',
  'updates.push.services.mozilla.com',
  '.push.apple.com',
  '.notify.windows.com',
]
const VAPID_TTL_H = 12
/** A push service keeps what it cannot hand over for so long. */
const KEPT_S = 3 * 3600
const RECORD_BYTES = 4096
const PUBLIC_KEY_BYTES = 65
const AUTH_BYTES = 16

/** Web Push (RFC 8030) with encryption (RFC 8291) and the sender's proof (RFC 8292). A subscription that is gone is refused for good. */
export function openPush(settings: {
  /** Of the P-256 pair that subscriptions were made with, base64url: the scalar and the uncompressed point. */
  readonly privateKey: string
  readonly publicKey: string
  /** `mailto:` or `https:`: whom a push service writes to. */
  readonly contact: string
  readonly clock: Clock
  readonly hosts?: readonly string[]
}): Channel {
  const { clock } = settings
  const hosts = settings.hosts ?? PUSH_HOSTS
  return {
    name: 'push',
    async send(parcel) {
      const subscription = readSubscription(parcel.address)
      if (subscription === null) return { outcome: 'refused', says: 'not a subscription' }
      const { endpoint, keys } = subscription
      const { host, hostname, origin } = new URL(endpoint)
      const known = hosts.some((one) =>
        one.startsWith('.') ? hostname.endsWith(one) : one === hostname || one === host,
      )
      if (!known) return { outcome: 'refused', says: 'not the address of a push service' }
      const own = createECDH('prime256v1')
      own.generateKeys()
      const body = encryptPush(payloadOf(parcel), keys, own, randomBytes(16))
      return post(
        endpoint,
        {
          authorization: `vapid t=${await proofFor(origin, settings, clock())}, k=${settings.publicKey}`,
          'content-type': 'application/octet-stream',
          'content-encoding': 'aes128gcm',
          ttl: String(KEPT_S),
          urgency: parcel.urgent ? 'high' : 'normal',
        },
        body,
      )
    },
    close: () => undefined,
  }
}

/** Null where the text is not a subscription with keys of the right length. */
export function readSubscription(text: string): Subscription | null {
  let read: Partial<Subscription>
  try {
    read = JSON.parse(text) as Partial<Subscription>
  } catch {
    return null
  }
  const { endpoint, keys } = read ?? {}
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return null
  if (typeof keys?.p256dh !== 'string' || typeof keys.auth !== 'string') return null
  const point = Buffer.from(keys.p256dh, 'base64url')
  const isPoint = point.length === PUBLIC_KEY_BYTES && point[0] === 4
  return isPoint && Buffer.from(keys.auth, 'base64url').length === AUTH_BYTES
    ? { endpoint, keys }
    : null
}

/** One record of aes128gcm: salt, record size, the sender's public key, and the sealed text. */
export function encryptPush(
  text: Buffer,
  keys: Subscription['keys'],
  own: ECDH,
  salt: Buffer,
): Buffer<ArrayBuffer> {
  const theirs = Buffer.from(keys.p256dh, 'base64url')
  const ours = own.getPublicKey()
  const derive = (secret: Buffer, salt: Buffer, info: Buffer, bytes: number) =>
    Buffer.from(hkdfSync('sha256', secret, salt, info, bytes))
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), theirs, ours])
  const secret = derive(own.computeSecret(theirs), Buffer.from(keys.auth, 'base64url'), info, 32)
  const key = derive(secret, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
  const nonce = derive(secret, salt, Buffer.from('Content-Encoding: nonce\0'), 12)
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  // 2 says: this is the last record.
  const sealed = [cipher.update(text), cipher.update(Buffer.of(2)), cipher.final()]
  const size = Buffer.alloc(5)
  size.writeUInt32BE(RECORD_BYTES)
  size.writeUInt8(ours.length, 4)
  return Buffer.concat([salt, size, ours, ...sealed, cipher.getAuthTag()])
}

/** What the page's service worker shows; short, since a record holds 4096 bytes. */
const payloadOf = (parcel: Parcel): Buffer =>
  Buffer.from(
    JSON.stringify({
      id: parcel.id,
      // Notices of one outage take each other's place on the screen.
      tag: parcel.outage ?? parcel.id,
      title: parcel.message.subject,
      body: parcel.message.short,
      language: parcel.language,
    }),
  )

async function proofFor(
  audience: string,
  settings: { readonly privateKey: string; readonly publicKey: string; readonly contact: string },
  now: number,
): Promise<string> {
  const point = Buffer.from(settings.publicKey, 'base64url')
  const key = await importJWK(
    {
      kty: 'EC',
      crv: 'P-256',
      d: settings.privateKey,
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
    'ES256',
  )
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
    .setAudience(audience)
    .setSubject(settings.contact)
    .setExpirationTime(Math.floor((now + VAPID_TTL_H * MS_PER_H) / MS_PER_S))
    .sign(key)
}
