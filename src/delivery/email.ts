import { createTransport } from 'nodemailer'
import { SEND_TIMEOUT_MS, shortly, type Channel } from './channel.ts'

/** SMTP connections held open at once. */
export const SMTP_CONNECTIONS_MAX = 4

/**
 * E-mail over SMTP. The Message-ID is made of the parcel's id, so that a repeated attempt is one message to whoever looks; notices of one
 * outage are one thread. Answers 5xx are final, all else is tried again.
 */
export function openEmail(settings: {
  /** `smtp://user:password@host:25` or `smtps://…`. */
  readonly url: string
  readonly from: string
}): Channel {
  const host = new URL(settings.url).hostname
  const domain = /@([^>\s]+)/.exec(settings.from)?.[1] ?? host
  const transport = createTransport({
    url: settings.url,
    pool: true,
    maxConnections: SMTP_CONNECTIONS_MAX,
    connectionTimeout: SEND_TIMEOUT_MS,
    greetingTimeout: SEND_TIMEOUT_MS,
    socketTimeout: SEND_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    name: 'email',
    async send(parcel) {
      const thread =
        parcel.outage === null ? null : `<outage.${encodeURIComponent(parcel.outage)}@${domain}>`
      try {
        const info = await transport.sendMail({
          from: settings.from,
          to: { name: '', address: parcel.address },
          subject: parcel.message.subject,
          text: `${parcel.message.text}\n`,
          messageId: `<${parcel.id}@${domain}>`,
          headers: {
            'Content-Language': parcel.language,
            // No auto-responder shall answer it (RFC 3834).
            'Auto-Submitted': 'auto-generated',
            ...(thread === null ? {} : { References: thread, 'In-Reply-To': thread }),
          },
          ...(parcel.urgent ? { priority: 'high' as const } : {}),
        })
        return { outcome: 'sent', receipt: shortly(info.response) }
      } catch (error) {
        const code = (error as { responseCode?: unknown }).responseCode
        return typeof code === 'number' && code >= 500
          ? { outcome: 'refused', says: shortly(error) }
          : { outcome: 'later', says: shortly(error), afterS: null }
      }
    },
    close: () => transport.close(),
  }
}
