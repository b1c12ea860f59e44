import { SEND_TIMEOUT_MS, shortly, type Sent } from './channel.ts'

/** Answers that may turn out otherwise another time; every other refusal is final. */
const TRY_AGAIN = new Set([408, 409, 421, 423, 425, 429])

/** Posts and says what became of it: 2xx sent; 408, 429, 5xx, no answer: later; redirects and other 4xx: refused. */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<Sent> {
  let answer: Response
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
    })
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause
    return { outcome: 'later', says: shortly(cause ?? error), afterS: null }
  }
  const says = shortly(`${answer.status} ${await beginningOf(answer)}`)
  if (answer.ok) return { outcome: 'sent', receipt: says }
  const asked = Number(answer.headers.get('retry-after'))
  return TRY_AGAIN.has(answer.status) || answer.status >= 500
    ? { outcome: 'later', says, afterS: asked > 0 ? asked : null }
    : { outcome: 'refused', says }
}

/** The first piece of the answer; a receiver that talks for ever is not listened to. */
async function beginningOf(answer: Response): Promise<string> {
  try {
    const reader = answer.body?.getReader()
    if (reader === undefined) return ''
    const { value } = await reader.read()
    await reader.cancel()
    return new TextDecoder().decode(value)
  } catch {
    return ''
  }
}
