import { signal } from '@preact/signals'
import { hearServerTime } from './page-clock.ts'

const TOKEN_KEY = 'relight.token'
const REQUEST_TIMEOUT_MS = 15_000

/** Why an act or a reading did not work, in words for the person at the screen. `status` 0: nobody answered. */
export type Problem = { readonly status: number; readonly title: string; readonly detail: string }
export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem }

export const token = signal<string | null>(null)
/** The last thing the service said about our right to ask: pages show the sign-in line when it is `refused`. */
export const signIn = signal<'unknown' | 'accepted' | 'refused'>('unknown')

/**
 * Takes the token out of the address (`#token=…`) into this tab's own storage. The fragment never reaches a server, and leaves the
 * address bar so that a copied address gives nothing away.
 */
export function adoptToken(): void {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const given = fragment.get('token')
  if (given !== null) {
    sessionStorage.setItem(TOKEN_KEY, given)
    fragment.delete('token')
    const rest = fragment.toString()
    history.replaceState(null, '', location.pathname + location.search + (rest && `#${rest}`))
  }
  token.value = sessionStorage.getItem(TOKEN_KEY)
}

export function useToken(given: string): void {
  sessionStorage.setItem(TOKEN_KEY, given.trim())
  token.value = given.trim()
  signIn.value = 'unknown'
}

export const read = <T>(path: string): Promise<Answer<T>> => ask('GET', path)
export const send = <T>(path: string, body: unknown): Promise<Answer<T>> => ask('POST', path, body)
export const put = <T>(path: string, body: unknown): Promise<Answer<T>> => ask('PUT', path, body)

async function ask<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  const headers = new Headers({ accept: 'application/json' })
  if (token.value !== null) headers.set('authorization', `Bearer ${token.value}`)
  if (body !== undefined) headers.set('content-type', 'application/json')
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    hearServerTime(response.headers.get('date'))
    if (response.status === 401 || response.status === 403) signIn.value = 'refused'
    if (!response.ok) return { ok: false, problem: await readProblem(response) }
    if (token.value !== null) signIn.value = 'accepted'
    const text = await response.text()
    return { ok: true, value: (text === '' ? null : JSON.parse(text)) as T }
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    return { ok: false, problem: { status: 0, title: '', detail } }
  }
}

/** Keeps what a path answers as a file of the reader's; the reason why not, else the empty text. */
export async function keep(path: string, name: string): Promise<string> {
  const headers = new Headers()
  if (token.value !== null) headers.set('authorization', `Bearer ${token.value}`)
  try {
    const response = await fetch(path, { headers })
    if (!response.ok) {
      const { detail, title } = await readProblem(response)
      return detail || title
    }
    saveFile(await response.blob(), name)
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export function saveFile(file: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

async function readProblem(response: Response): Promise<Problem> {
  const said = (await response.json().catch(() => ({}))) as Partial<Problem>
  return {
    status: response.status,
    title: said.title ?? response.statusText,
    detail: said.detail ?? '',
  }
}
