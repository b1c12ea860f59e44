import type { Session } from './session.ts'

/** The open sockets, found by whose they are. Most people have one, and need no set for it: there may be very many. */
export class Seats {
  readonly #bySubject = new Map<string, Session | Set<Session>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  of(subject: string): number {
    const theirs = this.#bySubject.get(subject)
    return theirs === undefined ? 0 : theirs instanceof Set ? theirs.size : 1
  }

  /** A session is added once. */
  add(session: Session): void {
    const { subject } = session.identity
    const theirs = this.#bySubject.get(subject)
    if (theirs instanceof Set) theirs.add(session)
    else this.#bySubject.set(subject, theirs === undefined ? session : new Set([theirs, session]))
    this.#size++
  }

  /** Nothing happens where it has left before. */
  delete(session: Session): void {
    const { subject } = session.identity
    const theirs = this.#bySubject.get(subject)
    if (theirs instanceof Set) {
      if (theirs.delete(session)) this.#size--
      if (theirs.size === 0) this.#bySubject.delete(subject)
    } else if (theirs === session) {
      this.#bySubject.delete(subject)
      this.#size--
    }
  }

  *[Symbol.iterator](): Generator<Session> {
    for (const theirs of this.#bySubject.values()) {
      if (theirs instanceof Set) yield* theirs
      else yield theirs
    }
  }
}
