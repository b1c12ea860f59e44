/** So long whoever asks for an act waits for its answer: less than a gateway waits for us. */
export const ANSWER_MS_MAX = 8_000

/**
 * Whoever asked is answered before the act is. `not-begun`: it waited for its turn, has lost it, and will not be done. `under-way`: it is being
 * saved, and may yet be done or not.
 */
export class GivenUp extends Error {
  readonly code: 'not-begun' | 'under-way'
  constructor(code: GivenUp['code']) {
    super(code === 'not-begun' ? 'the act was not begun' : 'the act is under way')
    this.code = code
  }
}

type Asked<T> = {
  /** To be called when its turn has come. */
  readonly begin: () => Promise<void>
  readonly answer: Promise<T>
}

/** Work for a queue, and the answer for whoever asked. Work whose asker has gone before its turn is not done. */
export function askFor<T>(
  work: () => Promise<T>,
  /** Hears what went wrong; what it throws is the queue's to hear. */
  mend: (error: unknown) => Promise<void>,
  /** Infinity: whoever asks waits as long as it takes. */
  answerMsMax: number,
): Asked<T> {
  let stands: 'waiting' | 'begun' | 'gone' = 'waiting'
  let settle: { done: (answer: T) => void; failed: (error: unknown) => void } | undefined
  const answer = new Promise<T>((done, failed) => {
    settle = { done, failed }
  })
  const giveUp = (): void => {
    settle?.failed(new GivenUp(stands === 'begun' ? 'under-way' : 'not-begun'))
    if (stands === 'waiting') stands = 'gone'
  }
  const patience = answerMsMax === Infinity ? undefined : setTimeout(giveUp, answerMsMax).unref()
  return {
    answer,
    async begin() {
      if (stands === 'gone') return
      stands = 'begun'
      try {
        settle?.done(await work())
      } catch (error) {
        await mend(error)
        settle?.failed(error)
      } finally {
        clearTimeout(patience)
      }
    },
  }
}
