import { useEffect, useState } from 'preact/hooks'
import { read, type Answer } from '../api.ts'

/** What a path of the service answers; undefined while it is asked, the reason where it cannot be had. */
export type Known<T> =
  | { readonly state: 'reading' }
  | { readonly state: 'known'; readonly value: T }
  | { readonly state: 'failed'; readonly why: string }

export const knownFrom = <T>(answer: Answer<T>): Known<T> =>
  answer.ok
    ? { state: 'known', value: answer.value }
    : { state: 'failed', why: answer.problem.detail || answer.problem.title }

/** The value, where it is known by now. */
export const valueOf = <T>(known: Known<T>): T | null =>
  known.state === 'known' ? known.value : null

/** Reads a path, and again whenever it or `version` changes; the answer to an older question is let go. */
export function useRead<T>(path: string, version = 0): Known<T> {
  const [known, setKnown] = useState<{ path: string; known: Known<T> }>({
    path,
    known: { state: 'reading' },
  })
  useEffect(() => {
    let gone = false
    void read<T>(path).then((answer) => {
      if (gone) return
      setKnown({ path, known: knownFrom(answer) })
    })
    return () => {
      gone = true
    }
  }, [path, version])
  return known.path === path ? known.known : { state: 'reading' }
}
