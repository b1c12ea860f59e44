import { effect, signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import { read, send } from '../api.ts'
import { hhmm } from '../language.ts'
import { detail } from './detail-data.ts'
import { w } from './words.ts'

/** GET /api/v1/outages/{id}/findings: what was open at the device and behind it when the outage began. */
type AtOutage = {
  readonly outage: string
  readonly findings: readonly {
    readonly id: number
    readonly asset: string
    readonly says: string
    readonly answer: {
      readonly contributed: boolean
      readonly by: string
      readonly at: string
    } | null
  }[]
}

const found = signal<AtOutage | null>(null)

const pathOf = (outage: string) => `/api/v1/outages/${encodeURIComponent(outage)}/findings`

/** Once a cause is known, the open detail asks whether a finding was open there. */
export function followFindings(): void {
  effect(() => {
    const known = detail.value
    if (known === null || known.cause === null) found.value = null
    else void readFindings(known.id)
  })
}

async function readFindings(outage: string): Promise<void> {
  const answer = await read<AtOutage>(pathOf(outage))
  if (answer.ok && detail.peek()?.id === outage) found.value = answer.value
}

export function FindingsThere({ outage }: { outage: string }) {
  const words = w.value
  const [said, setSaid] = useState('')
  const known = found.value
  if (known?.outage !== outage || known.findings.length === 0) return null
  const answerThat = async (finding: number, contributed: boolean) => {
    const answer = await send<AtOutage>(pathOf(outage), { finding, contributed })
    if (answer.ok) found.value = answer.value
    setSaid(answer.ok ? '' : answer.problem.detail || answer.problem.title)
  }
  return (
    <section class="there">
      <h3>{words.findingsHead}</h3>
      <ul class="plainlist">
        {known.findings.map(({ id, asset, says, answer }) => (
          <li key={id} class="row">
            <b>{asset}</b> {says}
            {answer === null ? (
              <>
                <span>{words.findingAsks}</span>
                <button type="button" onClick={() => void answerThat(id, true)}>
                  {words.yes}
                </button>
                <button type="button" onClick={() => void answerThat(id, false)}>
                  {words.no}
                </button>
              </>
            ) : (
              <span class="mute">
                {answer.contributed ? words.findingHad : words.findingHadNot} · {answer.by}{' '}
                {hhmm(Date.parse(answer.at))}
              </span>
            )}
          </li>
        ))}
      </ul>
      <p role="alert">{said}</p>
    </section>
  )
}
